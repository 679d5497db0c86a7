#include "engine/base/rfc3339.h"

#include <stdbool.h>
#include <stdio.h>

/* Days from civil and back: Howard Hinnant, "chrono-compatible low-level date algorithms". */
static int64_t days_from_civil(int y, int m, int d)
{
	y -= m <= 2;
	int era = y / 400;
	int yoe = y - era * 400;
	int doy = (153 * (m + (m > 2 ? -3 : 9)) + 2) / 5 + d - 1;
	int doe = yoe * 365 + yoe / 4 - yoe / 100 + doy;
	return (int64_t)era * 146097 + doe - 719468;
}

static void civil_from_days(int64_t z, int *y, int *m, int *d)
{
	z += 719468;
	int64_t era = z / 146097;
	int doe = (int)(z - era * 146097);
	int yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
	int doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
	int mp = (5 * doy + 2) / 153;
	*d = doy - (153 * mp + 2) / 5 + 1;
	*m = mp < 10 ? mp + 3 : mp - 9;
	*y = (int)(yoe + era * 400) + (*m <= 2);
}

static bool digits(struct span s, size_t at, size_t n, int *out)
{
	if (at + n > s.len)
		return false;
	int v = 0;
	for (size_t i = at; i < at + n; i++) {
		if (s.data[i] < '0' || s.data[i] > '9')
			return false;
		v = v * 10 + (s.data[i] - '0');
	}
	*out = v;
	return true;
}

static bool is_at(struct span s, size_t at, char a, char b)
{
	return at < s.len && (s.data[at] == a || s.data[at] == b);
}

static int days_in_month(int y, int m)
{
	static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
	bool leap = (y % 4 == 0 && y % 100 != 0) || y % 400 == 0;
	return m == 2 && leap ? 29 : days[m - 1];
}

int rfc3339_parse(struct span text, int64_t *out_ms)
{
	int y, mo, d, h, mi, s, ms = 0;
	if (!digits(text, 0, 4, &y) || !is_at(text, 4, '-', '-') || !digits(text, 5, 2, &mo) ||
	    !is_at(text, 7, '-', '-') || !digits(text, 8, 2, &d) || !is_at(text, 10, 'T', 't') ||
	    !digits(text, 11, 2, &h) || !is_at(text, 13, ':', ':') || !digits(text, 14, 2, &mi) ||
	    !is_at(text, 16, ':', ':') || !digits(text, 17, 2, &s))
		return 1;
	if (mo < 1 || mo > 12 || d < 1 || d > days_in_month(y, mo) || h > 23 || mi > 59 || s > 60)
		return 1;
	bool leap_second = s == 60;
	if (leap_second)
		s = 59;
	size_t at = 19;
	if (is_at(text, at, '.', '.')) {
		int scale = 100, digit;
		size_t first = ++at;
		for (; digits(text, at, 1, &digit); at++, scale /= 10)
			ms += digit * scale;
		if (at == first)
			return 1;
	}
	int64_t offset_min = 0;
	if (is_at(text, at, 'Z', 'z')) {
		at++;
	} else {
		int oh, om;
		if (!is_at(text, at, '+', '-') || !digits(text, at + 1, 2, &oh) || !is_at(text, at + 3, ':', ':') ||
		    !digits(text, at + 4, 2, &om) || oh > 23 || om > 59)
			return 1;
		offset_min = (oh * 60 + om) * (text.data[at] == '-' ? -1 : 1);
		at += 6;
	}
	if (at != text.len)
		return 1;
	int64_t total = ((days_from_civil(y, mo, d) * 24 + h) * 60 + mi - offset_min) * 60 + s;
	if (leap_second && total % 86400 != 86399) /* only the last minute of a UTC day has one */
		return 1;
	total = total * 1000 + ms;
	if (total < 0 || total > RFC3339_MAX_MS)
		return 1;
	*out_ms = total;
	return 0;
}

size_t rfc3339_format(int64_t ms, char out[RFC3339_BYTES + 1])
{
	if (ms < 0)
		ms = 0;
	if (ms > RFC3339_MAX_MS)
		ms = RFC3339_MAX_MS;
	int y, m, d;
	int64_t day = ms / 86400000;
	int rest = (int)(ms % 86400000);
	civil_from_days(day, &y, &m, &d);
	char text[64];
	int len = snprintf(text, sizeof(text), "%04d-%02d-%02dT%02d:%02d:%02d", y, m, d, rest / 3600000,
	                   rest / 60000 % 60, rest / 1000 % 60);
	if (rest % 1000)
		len += snprintf(text + len, sizeof(text) - (size_t)len, ".%03d", rest % 1000);
	text[len++] = 'Z';
	memcpy(out, text, (size_t)len);
	out[len] = '\0';
	return (size_t)len;
}
