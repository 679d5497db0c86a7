/* Strict, incremental HTTP/1.x request parsing (RFC 9112), without I/O or allocation. The bytes stay with the caller;
 * the parser keeps offsets, so a buffer may move between two calls. How the bytes are cut into calls never changes
 * the outcome. */
#ifndef MYNEWS_API_HTTP_PARSER_H
#define MYNEWS_API_HTTP_PARSER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "engine/base/span.h"

enum {
	HTTP_MAX_FIELDS = 64,
	HTTP_MAX_TARGET_BYTES = 8192,
	HTTP_MAX_CHUNK_LINE_BYTES = 256, /* size and extensions */
	HTTP_MAX_TRAILER_BYTES = 4096,   /* all trailer fields of a body */
};

/* The outcome of a step. */
enum http_step {
	HTTP_STEP_MORE, /* all was consumed and more is needed */
	HTTP_STEP_DONE, /* the head, or the body, is complete */
	HTTP_STEP_BAD,  /* `status` and `reason` say why; the connection can only be closed */
};

struct http_field {
	uint32_t name, name_len, value, value_len; /* offsets into the head */
};

/* What the head means, valid after http_parser_head gave HTTP_STEP_DONE. Offsets count from the head's first byte. */
struct http_parser {
	int method; /* enum http_method */
	uint32_t path, path_len;   /* starts with '/', or is "*" */
	uint32_t query, query_len; /* behind the '?' */
	bool has_body;             /* a body of one or more bytes, or a chunked one, follows */
	bool chunked;
	bool keep_alive;      /* by version and Connection */
	bool minor_1;         /* HTTP/1.1 or a later 1.x */
	bool expect_continue; /* Expect: 100-continue */
	uint64_t content_length; /* 0 when there is none */
	struct http_field fields[HTTP_MAX_FIELDS];
	uint32_t n_fields;
	uint32_t head_len; /* bytes of the head, final empty line included */

	unsigned status;    /* of HTTP_STEP_BAD: 400, 414, 417, 431, 501, 505 */
	const char *reason; /* static text, a sentence without a final stop */

	/* the parser's own */
	uint32_t max_head_bytes, line, scanned;
	uint8_t state, blank_lines, n_hosts, n_lengths, n_chunked;
	bool has_coding, other_coding, wants_close, wants_keep_alive, bad_expect;
	uint64_t left; /* bytes of the body, or of the chunk */
	uint32_t chunk_line, trailer_bytes, trailer_line;
	uint8_t size_digits;
};

/* Ready for the next head. max_head_bytes is at least 64. */
void http_parser_reset(struct http_parser *p, size_t max_head_bytes);
/* head[0, len) is all of the head there is so far (and maybe more behind it): call again with a longer len. */
enum http_step http_parser_head(struct http_parser *p, const char *head, size_t len);
/* After the head, if has_body: consumes framing and body from data[0, len). *consumed says how much was used, *piece is
 * the part of data that is body (may be empty). Call again with what is left until DONE or all is consumed (MORE with
 * *consumed < len means: there is another piece). */
enum http_step http_parser_body(struct http_parser *p, const char *data, size_t len, size_t *consumed,
                                struct span *piece) __attribute__((warn_unused_result));

/* Visible ASCII that may stand in a token (RFC 9110, 5.6.2). */
bool http_is_token_char(unsigned char c);
/* Whether the comma-separated list holds the (lower-case) token, in any case. Parameters behind ';' are ignored. */
bool http_list_has(struct span list, const char *token);
bool http_equal_nocase(struct span s, const char *lower_case);

/* Undoes percent-encoding (RFC 3986, 2.1) into out, which has room for in.len bytes; '+' is a blank when plus_is_blank.
 * Returns 0, or 1 for a bad %XX, a NUL, or a result that is not UTF-8. */
int http_percent_decode(struct span in, bool plus_is_blank, char *out, size_t *out_len)
	__attribute__((warn_unused_result));
/* The length of the UTF-8 character at s[0, len), or 0 when there is no valid one (RFC 3629). */
size_t http_utf8_length(const char *s, size_t len);

#endif
