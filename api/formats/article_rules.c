/* What holds for an article in whichever form it came. */
#include "api/formats/article_json.h"
#include "api/formats/url.h"

const char *const article_statuses[] = {"usable", "withheld", "canceled", NULL};

static uint32_t count_characters(struct span utf8)
{
	uint32_t n = 0;
	for (size_t i = 0; i < utf8.len; i++)
		n += ((unsigned char)utf8.data[i] & 0xc0) != 0x80;
	return n;
}

void article_finish(struct decode *d, struct article *a, const char *title_name, const char *id_name)
{
	if (a->n_embedding == 0)
		a->embedding = NULL;
	if (a->body.len > 0)
		a->char_count = count_characters(a->body);
	if (a->id.len == 0 && a->url.len > 0) {
		struct span canonical = url_canonical(d->arena, a->url);
		if (canonical.data)
			a->id = url_made_id(d->arena, canonical);
		if (!a->id.data) {
			a->id = (struct span){NULL, 0};
			d->no_memory = true;
		}
	}
	if (a->title.len == 0 && d->n_errors == 0)
		decode_error(d, title_name, -1, "is required");
	if (a->id.len == 0 && d->n_errors == 0)
		decode_error(d, id_name, -1, "is required, or give a url");
}
