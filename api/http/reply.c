/* The reply's head is written into one buffer the connection keeps; the body is sent from where it lies. What is
 * decided here: 304 (RFC 9110, 13.1.2), gzip (12.5.3), whether there is a body, and whether the connection goes on. */
#include "api/http/internal.h"

#include <errno.h>
#include <time.h>

enum { GZIP_MIN_BYTES = 1024 };

const char *http_status_text(unsigned status)
{
	switch (status) {
	case 200: return "OK";
	case 201: return "Created";
	case 202: return "Accepted";
	case 204: return "No Content";
	case 207: return "Multi-Status";
	case 301: return "Moved Permanently";
	case 302: return "Found";
	case 303: return "See Other";
	case 304: return "Not Modified";
	case 307: return "Temporary Redirect";
	case 308: return "Permanent Redirect";
	case 400: return "Bad Request";
	case 401: return "Unauthorized";
	case 403: return "Forbidden";
	case 404: return "Not Found";
	case 405: return "Method Not Allowed";
	case 406: return "Not Acceptable";
	case 408: return "Request Timeout";
	case 409: return "Conflict";
	case 410: return "Gone";
	case 412: return "Precondition Failed";
	case 413: return "Content Too Large";
	case 414: return "URI Too Long";
	case 415: return "Unsupported Media Type";
	case 417: return "Expectation Failed";
	case 422: return "Unprocessable Content";
	case 428: return "Precondition Required";
	case 429: return "Too Many Requests";
	case 431: return "Request Header Fields Too Large";
	case 500: return "Internal Server Error";
	case 501: return "Not Implemented";
	case 502: return "Bad Gateway";
	case 503: return "Service Unavailable";
	case 504: return "Gateway Timeout";
	case 505: return "HTTP Version Not Supported";
	default: return status < 300 ? "Success" : status < 400 ? "Redirection" : status < 500 ? "Client Error" : "Server Error";
	}
}

size_t http_date(int64_t now_s, char out[30])
{
	static const char days[] = "SunMonTueWedThuFriSat", months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
	time_t t = (time_t)now_s;
	struct tm tm;
	if (!gmtime_r(&t, &tm) || tm.tm_year < 0 || tm.tm_year > 9999 - 1900)
		return 0;
	int year = tm.tm_year + 1900;
	memcpy(out, "Day, 00 Mon 0000 00:00:00 GMT", 30);
	memcpy(out, days + tm.tm_wday * 3, 3);
	memcpy(out + 8, months + tm.tm_mon * 3, 3);
	const int values[] = {tm.tm_mday, year / 100, year % 100, tm.tm_hour, tm.tm_min, tm.tm_sec};
	const int at[] = {5, 12, 14, 17, 20, 23};
	for (int i = 0; i < 6; i++) {
		out[at[i]] = (char)('0' + values[i] / 10);
		out[at[i] + 1] = (char)('0' + values[i] % 10);
	}
	return 29;
}

void http_reply(struct http_exchange *x, unsigned status, const char *content_type, struct span body)
{
	if (x->replied)
		return;
	x->replied = true;
	x->status = status;
	x->content_type = content_type;
	x->reply_body = body;
}

void http_reply_compressible(struct http_exchange *x)
{
	x->compressible = true;
}

void http_reply_etag(struct http_exchange *x, uint64_t etag)
{
	x->has_etag = true;
	x->etag = etag;
}

void http_reply_header(struct http_exchange *x, const char *name, struct span value)
{
	if (x->replied || !*name)
		return;
	for (const char *c = name; *c; c++)
		if (!http_is_token_char((unsigned char)*c))
			return;
	for (size_t i = 0; i < value.len; i++) {
		unsigned char c = (unsigned char)value.data[i];
		if ((c < ' ' && c != '\t') || c == 0x7f)
			return;
	}
	buf_put_cstr(&x->fields, name);
	buf_put(&x->fields, ": ", 2);
	buf_put_span(&x->fields, value);
	buf_put(&x->fields, "\r\n", 2);
}

/* W/"0123456789abcdef": weak, since gzip gives the same answer other bytes. */
enum { ETAG_BYTES = 20 };

static void etag_text(uint64_t etag, char out[ETAG_BYTES])
{
	static const char digits[] = "0123456789abcdef";
	memcpy(out, "W/\"................\"", ETAG_BYTES);
	for (int i = 18; i >= 3; i--, etag >>= 4)
		out[i] = digits[etag & 15];
}

/* Weak comparison: the opaque parts decide. An entity tag may hold commas, so the list is not simply cut at them. */
static bool none_match_has(struct span list, const char *etag)
{
	struct span ours = {etag + 2, ETAG_BYTES - 2};
	if (span_equal_cstr(list, "*"))
		return true;
	for (size_t i = 0; i < list.len;) {
		if (list.data[i] != '"') {
			i++;
			continue;
		}
		const char *end = memchr(list.data + i + 1, '"', list.len - i - 1);
		if (!end)
			return false;
		size_t stop = (size_t)(end - list.data) + 1;
		if (span_equal((struct span){list.data + i, stop - i}, ours))
			return true;
		i = stop;
	}
	return false;
}

/* The weight of `q=` in a member's parameters, in thousandths; 1000 when there is none. */
static unsigned weight(struct span params)
{
	for (size_t i = 0; i + 1 < params.len; i++)
		if ((params.data[i] == 'q' || params.data[i] == 'Q') && params.data[i + 1] == '=') {
			unsigned q = 0, scale = 1000;
			for (i += 2; i < params.len; i++) {
				char c = params.data[i];
				if (c == '.' && scale == 1000)
					scale = 100;
				else if (c >= '0' && c <= '9' && scale)
					q += (unsigned)(c - '0') * scale, scale = scale == 1000 ? 1000 : scale / 10;
				else
					break;
			}
			return q;
		}
	return 1000;
}

static bool accepts_gzip(struct span list)
{
	bool star = false;
	while (list.len) {
		const char *comma = memchr(list.data, ',', list.len);
		struct span member = {list.data, comma ? (size_t)(comma - list.data) : list.len};
		list = comma ? (struct span){comma + 1, list.len - member.len - 1} : (struct span){NULL, 0};
		const char *semicolon = member.len ? memchr(member.data, ';', member.len) : NULL;
		struct span params = semicolon ? (struct span){semicolon, (size_t)(member.data + member.len - semicolon)}
		                               : (struct span){NULL, 0};
		if (http_list_has(member, "gzip") || http_list_has(member, "x-gzip"))
			return weight(params) > 0;
		if (http_list_has(member, "*"))
			star = weight(params) > 0;
	}
	return star;
}

static void put_date(struct buf *b, struct worker *w, int64_t now_ms)
{
	int64_t now_s = now_ms / 1000;
	if (now_s != w->date_s || !w->date[0]) {
		if (http_date(now_s, w->date) == 0)
			return;
		w->date_s = now_s;
	}
	buf_put(b, "Date: ", 6);
	buf_put(b, w->date, 29);
	buf_put(b, "\r\n", 2);
}

static void put_head(struct http_exchange *x, struct buf *b, const char *etag, bool gzipped, bool has_length)
{
	buf_put(b, "HTTP/1.1 ", 9);
	buf_put_u64(b, x->status);
	buf_put_char(b, ' ');
	buf_put_cstr(b, http_status_text(x->status));
	buf_put(b, "\r\n", 2);
	put_date(b, x->conn->w, x->now_ms);
	buf_put(b, "X-Request-Id: ", 14);
	buf_put_span(b, x->request_id);
	buf_put(b, "\r\n", 2);
	if (x->content_type) {
		buf_put(b, "Content-Type: ", 14);
		buf_put_cstr(b, x->content_type);
		buf_put(b, "\r\n", 2);
	}
	if (has_length) {
		buf_put(b, "Content-Length: ", 16);
		buf_put_u64(b, x->reply_body.len);
		buf_put(b, "\r\n", 2);
	}
	if (etag) {
		buf_put(b, "ETag: ", 6);
		buf_put(b, etag, ETAG_BYTES);
		buf_put(b, "\r\n", 2);
	}
	if (x->compressible)
		buf_put_cstr(b, "Vary: Accept-Encoding\r\n");
	if (gzipped)
		buf_put_cstr(b, "Content-Encoding: gzip\r\n");
	buf_put_span(b, buf_span(&x->fields));
	if (x->close)
		buf_put_cstr(b, "Connection: close\r\n");
	else if (!x->parser.minor_1)
		buf_put_cstr(b, "Connection: keep-alive\r\n");
	buf_put(b, "\r\n", 2);
}

int reply_build(struct http_exchange *x)
{
	char etag[ETAG_BYTES];
	bool head_only = x->head_ok && x->parser.method == HTTP_HEAD, gzipped = false;
	if (x->fields.failed)
		return -ENOMEM;
	if (x->has_etag) {
		etag_text(x->etag, etag);
		bool reading = x->head_ok && (head_only || x->parser.method == HTTP_GET);
		if (reading && x->status == 200 && none_match_has(http_header(x, "if-none-match"), etag)) {
			x->status = 304;
			x->content_type = NULL;
		}
	}
	bool no_body = x->status == 204 || x->status == 304;
	if (no_body)
		x->reply_body = (struct span){NULL, 0};
	if (x->compressible && x->reply_body.len >= GZIP_MIN_BYTES && accepts_gzip(http_header(x, "accept-encoding"))) {
		int rc = gzip_encode(x->conn->w, &x->conn->arena, x->reply_body, &x->reply_body);
		if (rc < 0)
			return rc;
		gzipped = rc == 0;
	}
	if (!x->parser.keep_alive || x->conn->w->draining)
		x->close = true;
	struct buf *b = &x->conn->out;
	buf_clear(b);
	put_head(x, b, x->has_etag ? etag : NULL, gzipped, !no_body);
	if (head_only)
		x->reply_body.len = 0;
	return b->failed ? -ENOMEM : 0;
}
