/* Articles on the wire: the contract's own form and IPTC's ninjs 1.x to 3.x (https://iptc.org/standards/ninjs/). */
#ifndef MYNEWS_FORMATS_ARTICLE_JSON_H
#define MYNEWS_FORMATS_ARTICLE_JSON_H

#include "api/formats/decode.h"
#include "engine/base/buf.h"
#include "engine/types.h"

enum article_form { ARTICLE_FORM_BY_SHAPE, ARTICLE_FORM_OWN, ARTICLE_FORM_NINJS };

/* Reads one article; all memory is d's arena's. On return d->n_errors == 0 means *out is complete, with an id (made of
 * the URL when none was given) and the defaults. out->id is set whenever it could be read. Unknown members are ignored. */
void article_json_decode(struct decode *d, const json_t *value, enum article_form form, struct article *out);

/* ninjs alone (called through the above). */
void ninjs_decode(struct decode *d, const json_t *value, struct article *a);
bool ninjs_by_shape(const json_t *value);

/* article_rules.c: the names of enum article_status; and the rules that hold for both forms once the members are read: makes
 * an id, requires a title, counts the text's characters. */
extern const char *const article_statuses[];
void article_finish(struct decode *d, struct article *a, const char *title_name, const char *id_name);

/* {"id","title",...}: every member that is set, body and embedding too. What import takes back. */
void article_json_encode(struct buf *b, const struct article *a, bool embedding);

#endif
