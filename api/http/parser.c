/* Requests are read line by line: a line ends at the first LF, which must follow a CR, and is judged only when it is
 * complete. Limits are functions of a line's bytes alone, so neither depends on how the input was cut. Everything that
 * two implementations could read differently (RFC 9112, 11.2: smuggling) is refused, never repaired. */
#include "api/http/parser.h"

#include "api/http/http.h"
#include "engine/base/ascii.h"

enum { REQUEST_LINE, FIELDS, BODY_LENGTH, CHUNK_SIZE, CHUNK_EXTENSION, CHUNK_SIZE_LF, CHUNK_DATA, CHUNK_DATA_CR,
       CHUNK_DATA_LF, TRAILER, TRAILER_LF, FINISHED };

enum { MAX_METHOD_BYTES = 32, VERSION_BYTES = 8 }; /* "HTTP/1.1" */

static enum http_step bad(struct http_parser *p, unsigned status, const char *reason)
{
	p->status = status;
	p->reason = reason;
	return HTTP_STEP_BAD;
}

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

bool http_equal_nocase(struct span s, const char *lower_case)
{
	for (size_t i = 0; i < s.len; i++)
		if (lower_case[i] == '\0' || ascii_lower(s.data[i]) != lower_case[i])
			return false;
	return lower_case[s.len] == '\0';
}

bool http_is_token_char(unsigned char c)
{
	static const uint32_t set[8] = {0, 0x03ff6cfa, 0xc7fffffe, 0x57ffffff}; /* a bit for each byte */
	return set[c >> 5] >> (c & 31) & 1;
}

static struct span trim(struct span s)
{
	while (s.len && (s.data[0] == ' ' || s.data[0] == '\t'))
		s = (struct span){s.data + 1, s.len - 1};
	while (s.len && (s.data[s.len - 1] == ' ' || s.data[s.len - 1] == '\t'))
		s.len--;
	return s;
}

/* Cuts the next member off a comma-separated list; false at the end. Members may be empty. */
static bool list_next(struct span *list, struct span *member)
{
	if (!list->data)
		return false;
	const char *comma = list->len ? memchr(list->data, ',', list->len) : NULL;
	size_t n = comma ? (size_t)(comma - list->data) : list->len;
	*member = trim((struct span){list->data, n});
	*list = comma ? (struct span){comma + 1, list->len - n - 1} : (struct span){NULL, 0};
	return true;
}

bool http_list_has(struct span list, const char *token)
{
	struct span member;
	while (list_next(&list, &member)) {
		const char *semicolon = member.len ? memchr(member.data, ';', member.len) : NULL;
		if (semicolon)
			member = trim((struct span){member.data, (size_t)(semicolon - member.data)});
		if (http_equal_nocase(member, token))
			return true;
	}
	return false;
}

void http_parser_reset(struct http_parser *p, size_t max_head_bytes)
{
	/* not the fields: n_fields says how many count */
	memset(p, 0, offsetof(struct http_parser, fields));
	memset((char *)p + offsetof(struct http_parser, n_fields), 0,
	       sizeof(*p) - offsetof(struct http_parser, n_fields));
	p->max_head_bytes = max_head_bytes > UINT32_MAX / 2 ? UINT32_MAX / 2 : (uint32_t)max_head_bytes;
}

static int method_of(struct span s)
{
	static const struct {
		const char *name;
		int method;
	} known[] = {{"GET", HTTP_GET}, {"POST", HTTP_POST}, {"HEAD", HTTP_HEAD}, {"PUT", HTTP_PUT},
	             {"PATCH", HTTP_PATCH}, {"DELETE", HTTP_DELETE}, {"OPTIONS", HTTP_OPTIONS}};
	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (span_equal_cstr(s, known[i].name))
			return known[i].method;
	return -1;
}

/* Origin form, absolute form, or '*' for OPTIONS (RFC 9112, 3.2). */
static enum http_step target(struct http_parser *p, const char *head, struct span t)
{
	for (size_t i = 0; i < t.len; i++) {
		unsigned char c = (unsigned char)t.data[i];
		if (c <= ' ' || c >= 0x7f || c == '#' || c == '"' || c == '<' || c == '>')
			return bad(p, 400, "The request target holds a character that must be percent-encoded");
	}
	size_t skip = 0;
	if (t.len > 7 && http_equal_nocase((struct span){t.data, 7}, "http://"))
		skip = 7;
	else if (t.len > 8 && http_equal_nocase((struct span){t.data, 8}, "https://"))
		skip = 8;
	if (skip) {
		size_t authority = skip;
		while (skip < t.len && t.data[skip] != '/' && t.data[skip] != '?')
			skip++;
		if (skip == authority || skip == t.len || t.data[skip] != '/')
			return bad(p, 400, "An absolute request target needs a host and a path");
	} else if (t.data[0] != '/' && !(t.len == 1 && t.data[0] == '*' && p->method == HTTP_OPTIONS)) {
		return bad(p, 400, "The request target is neither a path nor an absolute URI");
	}
	t = (struct span){t.data + skip, t.len - skip};
	const char *mark = memchr(t.data, '?', t.len);
	p->path = (uint32_t)(t.data - head);
	p->path_len = (uint32_t)(mark ? (size_t)(mark - t.data) : t.len);
	if (mark) {
		p->query = (uint32_t)(mark + 1 - head);
		p->query_len = (uint32_t)(t.len - p->path_len - 1);
	}
	return HTTP_STEP_MORE;
}

static enum http_step request_line(struct http_parser *p, const char *head, struct span line)
{
	size_t m = 0;
	while (m < line.len && http_is_token_char((unsigned char)line.data[m]))
		m++;
	if (m == 0 || m == line.len || line.data[m] != ' ')
		return bad(p, 400, "The request line does not start with a method and one blank");
	const char *from = line.data + m + 1;
	size_t rest = line.len - m - 1;
	const char *blank = rest ? memchr(from, ' ', rest) : NULL;
	if (!blank || blank == from)
		return bad(p, 400, "The request line is not a method, a target and a version");
	struct span t = {from, (size_t)(blank - from)}, version = {blank + 1, rest - t.len - 1};
	if (version.len != VERSION_BYTES || memcmp(version.data, "HTTP/", 5) != 0 || !is_digit(version.data[5]) ||
	    version.data[6] != '.' || !is_digit(version.data[7]))
		return bad(p, 400, "The request line does not end in an HTTP version");
	if (version.data[5] != '1')
		return bad(p, 505, "Only HTTP/1.0 and HTTP/1.1 are spoken here");
	if (t.len > HTTP_MAX_TARGET_BYTES)
		return bad(p, 414, "The request target is too long");
	p->minor_1 = version.data[7] != '0';
	p->method = method_of((struct span){line.data, m});
	if (p->method < 0)
		return bad(p, 501, "The method is not known here");
	return target(p, head, t);
}

static enum http_step content_length(struct http_parser *p, struct span v)
{
	if (p->n_lengths++)
		return bad(p, 400, "There is more than one Content-Length");
	uint64_t n = 0;
	for (size_t i = 0; i < v.len; i++)
		if (!is_digit(v.data[i]) || __builtin_mul_overflow(n, 10, &n) ||
		    __builtin_add_overflow(n, (uint64_t)(v.data[i] - '0'), &n))
			return bad(p, 400, "The Content-Length is not a number");
	if (v.len == 0 || n > INT64_MAX)
		return bad(p, 400, "The Content-Length is not a number");
	p->content_length = n;
	return HTTP_STEP_MORE;
}

static enum http_step transfer_encoding(struct http_parser *p, struct span v)
{
	struct span member;
	p->has_coding = true;
	while (list_next(&v, &member)) {
		if (member.len == 0)
			return bad(p, 400, "The Transfer-Encoding has an empty member");
		if (!http_equal_nocase(member, "chunked"))
			p->other_coding = true;
		else if (p->n_chunked++)
			return bad(p, 400, "The body is chunked more than once");
	}
	return HTTP_STEP_MORE;
}

static enum http_step host(struct http_parser *p, struct span v)
{
	if (p->n_hosts++)
		return bad(p, 400, "There is more than one Host");
	for (size_t i = 0; i < v.len; i++) {
		unsigned char c = (unsigned char)v.data[i];
		if (c <= ' ' || c >= 0x7f || strchr("\"#,/<>?@\\^`{|}", c))
			return bad(p, 400, "The Host is not a host");
	}
	return HTTP_STEP_MORE;
}

/* What the server itself must know of a field. */
static enum http_step meaning(struct http_parser *p, struct span name, struct span v)
{
	switch (name.len) {
	case 4:
		return http_equal_nocase(name, "host") ? host(p, v) : HTTP_STEP_MORE;
	case 6:
		if (http_equal_nocase(name, "expect")) {
			if (http_equal_nocase(v, "100-continue"))
				p->expect_continue = true;
			else
				p->bad_expect = true;
		}
		return HTTP_STEP_MORE;
	case 10:
		if (http_equal_nocase(name, "connection")) {
			p->wants_close |= http_list_has(v, "close");
			p->wants_keep_alive |= http_list_has(v, "keep-alive");
		}
		return HTTP_STEP_MORE;
	case 14:
		return http_equal_nocase(name, "content-length") ? content_length(p, v) : HTTP_STEP_MORE;
	case 17:
		return http_equal_nocase(name, "transfer-encoding") ? transfer_encoding(p, v) : HTTP_STEP_MORE;
	default:
		return HTTP_STEP_MORE;
	}
}

static enum http_step field(struct http_parser *p, const char *head, struct span line)
{
	if (p->n_fields == HTTP_MAX_FIELDS)
		return bad(p, 431, "There are too many header fields");
	size_t n = 0;
	while (n < line.len && http_is_token_char((unsigned char)line.data[n]))
		n++;
	if (n == 0 || n == line.len || line.data[n] != ':') /* also a folded line and a blank before the colon */
		return bad(p, 400, "A header line is not a name, a colon and a value");
	struct span name = {line.data, n}, value = trim((struct span){line.data + n + 1, line.len - n - 1});
	for (size_t i = 0; i < value.len; i++) {
		unsigned char c = (unsigned char)value.data[i];
		if ((c < ' ' && c != '\t') || c == 0x7f)
			return bad(p, 400, "A header field holds a control character");
	}
	p->fields[p->n_fields++] = (struct http_field){(uint32_t)(name.data - head), (uint32_t)name.len,
	                                               (uint32_t)(value.data - head), (uint32_t)value.len};
	return meaning(p, name, value);
}

/* The whole head is there: what its fields say together (RFC 9112, 6.3). */
static enum http_step head_complete(struct http_parser *p)
{
	if (p->minor_1 && p->n_hosts == 0)
		return bad(p, 400, "HTTP/1.1 needs a Host");
	if (p->has_coding) {
		if (p->n_lengths)
			return bad(p, 400, "Content-Length and Transfer-Encoding exclude each other");
		if (!p->minor_1)
			return bad(p, 400, "HTTP/1.0 has no Transfer-Encoding");
		if (p->other_coding)
			return bad(p, 501, "The only transfer coding known here is chunked");
		p->chunked = true;
	}
	if (p->bad_expect && p->minor_1)
		return bad(p, 417, "The only expectation known here is 100-continue");
	p->expect_continue &= p->minor_1;
	p->keep_alive = !p->wants_close && (p->minor_1 || p->wants_keep_alive);
	p->has_body = p->chunked || p->content_length > 0;
	p->left = p->content_length;
	p->head_len = p->line;
	p->state = p->chunked ? CHUNK_SIZE : BODY_LENGTH;
	return HTTP_STEP_DONE;
}

static enum http_step head_line(struct http_parser *p, const char *head, struct span line)
{
	if (memchr(line.data, '\r', line.len))
		return bad(p, 400, "A line holds a CR that does not end it");
	if (p->state == REQUEST_LINE) {
		if (line.len == 0) /* RFC 9112, 2.2: one empty line left over from the last request */
			return p->blank_lines++ ? bad(p, 400, "The request starts with empty lines") : HTTP_STEP_MORE;
		p->state = FIELDS;
		return request_line(p, head, line);
	}
	return line.len ? field(p, head, line) : head_complete(p);
}

enum http_step http_parser_head(struct http_parser *p, const char *head, size_t len)
{
	while (p->scanned < len) {
		const char *lf = memchr(head + p->scanned, '\n', len - p->scanned);
		size_t end = lf ? (size_t)(lf - head) + 1 : len; /* behind the last byte of the line, as far as known */
		bool first = p->state == REQUEST_LINE;
		if (first && end - p->line > HTTP_MAX_TARGET_BYTES + MAX_METHOD_BYTES + VERSION_BYTES + 4)
			return bad(p, 414, "The request line is too long");
		if (end > p->max_head_bytes)
			return first ? bad(p, 414, "The request line is too long") : bad(p, 431, "The request head is too large");
		p->scanned = (uint32_t)end;
		if (!lf)
			break;
		size_t n = end - p->line - 1;
		if (n == 0 || head[end - 2] != '\r')
			return bad(p, 400, "A line ends in a LF without CR");
		struct span line = {head + p->line, n - 1};
		p->line = (uint32_t)end;
		enum http_step step = head_line(p, head, line);
		if (step != HTTP_STEP_MORE)
			return step;
	}
	return HTTP_STEP_MORE;
}

static int hex_value(char c)
{
	if (is_digit(c))
		return c - '0';
	c = ascii_lower(c);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* One byte of a chunk's size line, of the line end behind its data, or of the trailer. */
static enum http_step framing_byte(struct http_parser *p, char c)
{
	unsigned char u = (unsigned char)c;
	bool text = (u >= ' ' && u != 0x7f) || u == '\t';
	switch (p->state) {
	case CHUNK_SIZE: {
		int digit = hex_value(c);
		if (digit >= 0) {
			if (p->size_digits++ == 15)
				return bad(p, 400, "A chunk's size is too large");
			p->left = p->left << 4 | (unsigned)digit;
			return HTTP_STEP_MORE;
		}
		if (p->size_digits == 0)
			return bad(p, 400, "A chunk has no size");
		if (c != ';' && c != '\r')
			return bad(p, 400, "A chunk's size is not a hexadecimal number");
		p->state = c == ';' ? CHUNK_EXTENSION : CHUNK_SIZE_LF;
		return HTTP_STEP_MORE;
	}
	case CHUNK_EXTENSION:
		if (++p->chunk_line > HTTP_MAX_CHUNK_LINE_BYTES)
			return bad(p, 400, "A chunk's extensions are too long");
		if (c == '\r')
			p->state = CHUNK_SIZE_LF;
		else if (!text)
			return bad(p, 400, "A chunk's extension holds a control character");
		return HTTP_STEP_MORE;
	case CHUNK_SIZE_LF:
		p->state = p->left ? CHUNK_DATA : TRAILER;
		p->size_digits = 0;
		p->chunk_line = 0;
		return c == '\n' ? HTTP_STEP_MORE : bad(p, 400, "A chunk's size line does not end in CR LF");
	case CHUNK_DATA_CR:
		p->state = CHUNK_DATA_LF;
		return c == '\r' ? HTTP_STEP_MORE : bad(p, 400, "A chunk is longer than its size");
	case CHUNK_DATA_LF:
		p->state = CHUNK_SIZE;
		return c == '\n' ? HTTP_STEP_MORE : bad(p, 400, "A chunk does not end in CR LF");
	case TRAILER:
		if (++p->trailer_bytes > HTTP_MAX_TRAILER_BYTES)
			return bad(p, 431, "The trailer is too large");
		if (c == '\r')
			p->state = TRAILER_LF;
		else if (!text || (p->trailer_line == 0 && !http_is_token_char(u)))
			return bad(p, 400, "A trailer line is malformed");
		else
			p->trailer_line++;
		return HTTP_STEP_MORE;
	default: /* TRAILER_LF */
		if (c != '\n')
			return bad(p, 400, "A trailer line does not end in CR LF");
		p->state = p->trailer_line ? TRAILER : FINISHED;
		p->trailer_line = 0;
		return p->state == FINISHED ? HTTP_STEP_DONE : HTTP_STEP_MORE;
	}
}

enum http_step http_parser_body(struct http_parser *p, const char *data, size_t len, size_t *consumed,
                                struct span *piece)
{
	size_t i = 0;
	*piece = (struct span){data, 0};
	while (i < len && p->state != BODY_LENGTH && p->state != CHUNK_DATA) {
		enum http_step step = framing_byte(p, data[i++]);
		if (step != HTTP_STEP_MORE) {
			*consumed = i;
			return step;
		}
	}
	if (p->state == BODY_LENGTH || p->state == CHUNK_DATA) {
		size_t n = len - i < p->left ? len - i : (size_t)p->left;
		*piece = (struct span){data + i, n};
		p->left -= n;
		i += n;
		if (p->left == 0 && p->state == CHUNK_DATA)
			p->state = CHUNK_DATA_CR;
	}
	*consumed = i;
	return p->state == BODY_LENGTH && p->left == 0 ? HTTP_STEP_DONE : HTTP_STEP_MORE;
}

size_t http_utf8_length(const char *s, size_t len)
{
	const unsigned char *u = (const unsigned char *)s;
	if (len == 0)
		return 0;
	if (u[0] < 0x80)
		return 1;
	size_t n = u[0] >= 0xc2 && u[0] <= 0xdf ? 2 : (u[0] & 0xf0) == 0xe0 ? 3 : u[0] >= 0xf0 && u[0] <= 0xf4 ? 4 : 0;
	if (n == 0 || n > len)
		return 0;
	for (size_t i = 1; i < n; i++)
		if ((u[i] & 0xc0) != 0x80)
			return 0;
	/* too long a form, a surrogate, or beyond U+10FFFF */
	if ((u[0] == 0xe0 && u[1] < 0xa0) || (u[0] == 0xed && u[1] > 0x9f) || (u[0] == 0xf0 && u[1] < 0x90) ||
	    (u[0] == 0xf4 && u[1] > 0x8f))
		return 0;
	return n;
}

int http_percent_decode(struct span in, bool plus_is_blank, char *out, size_t *out_len)
{
	size_t n = 0;
	for (size_t i = 0; i < in.len; i++) {
		char c = in.data[i];
		if (c == '%') {
			int high = i + 2 < in.len ? hex_value(in.data[i + 1]) : -1;
			int low = high >= 0 ? hex_value(in.data[i + 2]) : -1;
			if (low < 0)
				return 1;
			c = (char)(high << 4 | low);
			i += 2;
		} else if (c == '+' && plus_is_blank) {
			c = ' ';
		}
		if (c == '\0')
			return 1;
		out[n++] = c;
	}
	for (size_t i = 0; i < n;) {
		size_t k = http_utf8_length(out + i, n - i);
		if (k == 0)
			return 1;
		i += k;
	}
	*out_len = n;
	return 0;
}
