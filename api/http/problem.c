/* application/problem+json (RFC 9457). Never on the fast path, so it may allocate. */
#include "api/http/internal.h"

static void put_string(struct buf *b, struct arena *a, const char *text)
{
	struct span s = arena_copy(a, span_of(text));
	if (!s.data) {
		b->failed = true;
		return;
	}
	char *p = arena_alloc(a, s.len + 1);
	if (!p) {
		b->failed = true;
		return;
	}
	for (size_t i = 0; i < s.len;) {
		size_t n = http_utf8_length(s.data + i, s.len - i);
		if (n == 0)
			p[i++] = '?';
		else
			for (; n; n--, i++)
				p[i] = s.data[i];
	}
	buf_put_json_string(b, (struct span){p, s.len});
}

static void put_errors(struct buf *b, struct arena *a, const struct http_field_error *errors, size_t n)
{
	buf_put_cstr(b, ",\"errors\":[");
	for (size_t i = 0; i < n; i++) {
		buf_put_cstr(b, i ? ",{\"pointer\":" : "{\"pointer\":");
		put_string(b, a, errors[i].pointer ? errors[i].pointer : "");
		buf_put_cstr(b, ",\"detail\":");
		put_string(b, a, errors[i].detail ? errors[i].detail : "");
		buf_put_char(b, '}');
	}
	buf_put_char(b, ']');
}

void http_reply_problem(struct http_exchange *x, unsigned status, const char *code, const char *detail,
                        const struct http_field_error *errors, size_t n)
{
	struct arena *a = http_arena(x);
	struct buf b = {0};
	buf_put_cstr(&b, "{\"type\":\"about:blank\",\"title\":");
	put_string(&b, a, http_status_text(status));
	buf_put_cstr(&b, ",\"status\":");
	buf_put_u64(&b, status);
	if (detail) {
		buf_put_cstr(&b, ",\"detail\":");
		put_string(&b, a, detail);
	}
	buf_put_cstr(&b, ",\"code\":");
	put_string(&b, a, code);
	if (n)
		put_errors(&b, a, errors, n);
	buf_put_char(&b, '}');
	struct span body = b.failed ? (struct span){NULL, 0} : arena_copy(a, buf_span(&b));
	buf_free(&b);
	if (!body.data)
		body = SPAN("{}"); /* out of memory: the status still says it */
	http_reply(x, status, "application/problem+json", body);
}
