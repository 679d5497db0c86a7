/* What a handler sees of its request. Spans point into the connection's input, which does not move or change while an
 * exchange is going on, or into the exchange's arena. */
#include "api/http/internal.h"

enum { MAX_REQUEST_ID_BYTES = 64 };

struct arena *http_arena(struct http_exchange *x) { return &x->conn->arena; }
void *http_worker_data(struct http_exchange *x) { return x->conn->w->data; }
unsigned http_worker(struct http_exchange *x) { return x->conn->w->index; }
enum http_method http_method(struct http_exchange *x) { return (enum http_method)x->parser.method; }
struct span http_body(struct http_exchange *x) { return x->body; }
struct span http_request_id(struct http_exchange *x) { return x->request_id; }
struct span http_peer(struct http_exchange *x) { return span_of(x->conn->peer); }
int64_t http_now_ms(struct http_exchange *x) { return x->now_ms; }
void http_set(struct http_exchange *x, void *p) { x->user = p; }
void *http_get(struct http_exchange *x) { return x->user; }
size_t http_query_count(struct http_exchange *x) { return x->n_query; }

struct span http_path(struct http_exchange *x)
{
	return x->head_ok ? (struct span){x->head + x->parser.path, x->parser.path_len} : (struct span){NULL, 0};
}

struct span http_param(struct http_exchange *x, const char *name)
{
	for (unsigned i = 0; x->match.route && i < x->match.n_params; i++)
		if (span_equal_cstr(x->match.names[i], name))
			return x->match.values[i];
	return (struct span){NULL, 0};
}

bool http_query(struct http_exchange *x, const char *name, struct span *out)
{
	for (size_t i = 0; i < x->n_query; i++)
		if (span_equal_cstr(x->query[i].name, name)) {
			*out = x->query[i].value;
			return true;
		}
	return false;
}

bool http_query_at(struct http_exchange *x, size_t i, struct span *name, struct span *value)
{
	if (i >= x->n_query)
		return false;
	*name = x->query[i].name;
	*value = x->query[i].value;
	return true;
}

struct span http_header(struct http_exchange *x, const char *lower_case_name)
{
	size_t len = strlen(lower_case_name);
	for (uint32_t i = 0; x->head_ok && i < x->parser.n_fields; i++) {
		const struct http_field *f = &x->parser.fields[i];
		if (f->name_len == len && http_equal_nocase((struct span){x->head + f->name, len}, lower_case_name))
			return (struct span){x->head + f->value, f->value_len};
	}
	return (struct span){NULL, 0};
}

void exchange_reset(struct http_exchange *x)
{
	http_parser_reset(&x->parser, x->conn->w->server->config.max_header_bytes);
	x->head = NULL;
	x->body = (struct span){NULL, 0};
	x->match.route = NULL;
	x->match.n_params = 0;
	x->query = NULL;
	x->n_query = 0;
	x->request_id = (struct span){NULL, 0};
	x->start_us = 0;
	x->user = NULL;
	x->suspended = x->replied = x->compressible = x->has_etag = x->head_ok = x->close = x->linger = false;
	x->status = 0;
	x->content_type = NULL;
	x->reply_body = (struct span){NULL, 0};
	buf_clear(&x->fields);
}

void exchange_take_request_id(struct http_exchange *x)
{
	struct span id = http_header(x, "x-request-id");
	bool fit = id.len > 0 && id.len <= MAX_REQUEST_ID_BYTES;
	for (size_t i = 0; fit && i < id.len; i++)
		fit = id.data[i] > ' ' && id.data[i] < 0x7f;
	if (!fit) {
		static const char digits[] = "0123456789abcdef";
		uint64_t r = rng_u64(&x->conn->w->rng);
		for (int i = 0; i < 16; i++, r >>= 4)
			x->request_id_bytes[i] = digits[r & 15];
		id = (struct span){x->request_id_bytes, 16};
	}
	x->request_id = id;
}
