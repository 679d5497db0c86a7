/* "2 hours ago" in any language ICU knows. Opening a formatter is slow, so the last few are kept. */
#include <unicode/uloc.h>
#include <unicode/ureldatefmt.h>

#include "engine/text/text_internal.h"

static const struct {
	int64_t ms;
	URelativeDateTimeUnit unit;
} units[] = {
	{INT64_C(365) * 86400000, UDAT_REL_UNIT_YEAR}, {INT64_C(30) * 86400000, UDAT_REL_UNIT_MONTH},
	{INT64_C(7) * 86400000, UDAT_REL_UNIT_WEEK},   {86400000, UDAT_REL_UNIT_DAY},
	{3600000, UDAT_REL_UNIT_HOUR},                 {60000, UDAT_REL_UNIT_MINUTE},
};

static URelativeDateTimeFormatter *find_formatter(struct text *t, struct span language)
{
	char tag[LIMIT_LANGUAGE_BYTES + 1] = "en";
	char locale[ULOC_FULLNAME_CAPACITY] = "";
	UErrorCode status = U_ZERO_ERROR;
	if (language.len > 0 && language.len <= LIMIT_LANGUAGE_BYTES) {
		memcpy(tag, language.data, language.len);
		tag[language.len] = '\0';
	}
	for (size_t i = 0; i < RELATIVE_CACHE; i++)
		if (t->relative[i].formatter && strcmp(t->relative[i].locale, tag) == 0)
			return t->relative[i].formatter;
	uloc_forLanguageTag(tag, locale, sizeof(locale), NULL, &status);
	URelativeDateTimeFormatter *formatter =
		ureldatefmt_open(U_SUCCESS(status) && *locale ? locale : "en", NULL, UDAT_STYLE_LONG,
	                     UDISPCTX_CAPITALIZATION_NONE, &status);
	if (U_FAILURE(status))
		return NULL;
	size_t at = t->next_relative++ % RELATIVE_CACHE;
	ureldatefmt_close(t->relative[at].formatter);
	t->relative[at].formatter = formatter;
	memcpy(t->relative[at].locale, tag, sizeof(tag));
	return formatter;
}

void text_relative_time(struct text *t, struct span language, int64_t then_ms, int64_t now_ms, struct buf *out)
{
	UChar text[128];
	UErrorCode status = U_ZERO_ERROR;
	int32_t n;
	URelativeDateTimeFormatter *formatter = find_formatter(t, language);
	if (!formatter) {
		out->failed = true;
		return;
	}
	int64_t distance = then_ms > now_ms ? then_ms - now_ms : now_ms - then_ms;
	size_t u = 0;
	while (u < sizeof(units) / sizeof(units[0]) && distance < units[u].ms)
		u++;
	if (u == sizeof(units) / sizeof(units[0])) {
		n = ureldatefmt_format(formatter, 0, UDAT_REL_UNIT_SECOND, text, 128, &status); /* "now" */
	} else {
		int64_t whole = distance / units[u].ms;
		double count = (double)whole;
		n = ureldatefmt_formatNumeric(formatter, then_ms > now_ms ? count : -count, units[u].unit, text, 128, &status);
	}
	if (U_FAILURE(status) || text_u16_to_utf8(text, (size_t)n, out))
		out->failed = true;
}
