#include "engine/learn/example.h"

#include <errno.h>
#include <math.h>
#include <string.h>

#include "engine/store/codec.h"

enum { EXAMPLE_VERSION = 3 };

static size_t rounded(size_t n_bytes)
{
	return (n_bytes + 15) & ~(size_t)15;
}

size_t example_bytes(size_t n, size_t n_columns)
{
	return rounded(sizeof(struct example)) + rounded((n + 1) * sizeof(struct example_slot)) +
	       rounded(((n + 2) * n_columns + 1) * sizeof(float));
}

struct example *example_at(void *memory, size_t n, size_t n_columns)
{
	char *at = memory;
	struct example *e = memory;
	at += rounded(sizeof(*e));
	e->slots = (struct example_slot *)(void *)at;
	at += rounded((n + 1) * sizeof(*e->slots));
	e->columns = (float *)(void *)at;
	e->mean = e->columns + n * n_columns;
	e->deviation = e->mean + n_columns;
	e->n = n;
	e->n_columns = n_columns;
	return e;
}

struct example *example_new(struct arena *arena, size_t n, size_t n_columns)
{
	struct example *e = arena_alloc(arena, example_bytes(n, n_columns));
	if (!e)
		return NULL;
	*e = (struct example){0};
	e = example_at(e, n, n_columns);
	memset(e->mean, 0, 2 * n_columns * sizeof(*e->mean));
	return e;
}

void example_encode(struct buf *b, const struct example *e)
{
	put_u8(b, EXAMPLE_VERSION);
	put_u64(b, e->feed);
	put_u64(b, e->user);
	put_u16(b, e->page);
	put_string(b, span_of(e->model));
	put_u64(b, e->step);
	put_f32(b, e->weight);
	put_i64(b, e->at_ms);
	put_u32(b, e->top_section);
	put_u16(b, e->n_listed);
	put_u8(b, e->n_recent);
	for (size_t i = 0; i < e->n_recent; i++)
		put_u32(b, e->recent[i]);
	put_u8(b, e->n_reads);
	put_u16(b, e->n_read_rows);
	for (size_t i = 0; i < e->n_read_rows; i++)
		put_u16(b, e->read_rows[i]);
	put_u16(b, (uint16_t)e->n);
	put_u8(b, (uint8_t)e->n_columns);
	for (size_t i = 0; i < e->n; i++) {
		const struct example_slot *s = &e->slots[i];
		put_u32(b, s->article);
		put_u32(b, s->section);
		put_u8(b, s->position);
		put_u16(b, s->ctr_rank);
		put_u16(b, s->events);
		buf_put(b, &s->score, sizeof(s->score));
		put_u8(b, s->n_words);
		for (size_t k = 0; k < s->n_words; k++)
			put_u32(b, s->words[k]);
	}
	buf_put(b, e->mean, e->n_columns * sizeof(float));
	buf_put(b, e->deviation, e->n_columns * sizeof(float));
	buf_put(b, e->columns, e->n * e->n_columns * sizeof(float));
	put_u64(b, e->number);
}

static void get_slot(struct byte_reader *r, struct example_slot *s)
{
	*s = (struct example_slot){.article = get_u32(r)};
	s->section = get_u32(r);
	s->position = get_u8(r);
	s->ctr_rank = get_u16(r);
	s->events = get_u16(r);
	bytes_take(r, &s->score, sizeof(s->score));
	s->n_words = get_u8(r);
	if (!isfinite(s->score) || s->n_words > EXAMPLE_WORDS || s->events >> N_EVENT_TYPES)
		r->failed = true;
	for (size_t k = 0; !r->failed && k < s->n_words; k++)
		s->words[k] = get_u32(r);
}

static void get_floats(struct byte_reader *r, float *out, size_t n)
{
	bytes_take(r, out, n * sizeof(*out));
	for (size_t i = 0; !r->failed && i < n; i++)
		r->failed = !isfinite(out[i]);
}

/* Returns 0, 1 when the bytes are no document. */
static int get_document(struct byte_reader *r, struct example *e)
{
	e->n_reads = get_u8(r);
	e->n_read_rows = get_u16(r);
	if (e->n_reads > KIN_READS || e->n_read_rows > KIN_DOCUMENT_MAX)
		return 1;
	for (size_t i = 0; i < e->n_read_rows; i++) {
		e->read_rows[i] = get_u16(r);
		if (e->read_rows[i] >= KIN_ROWS)
			return 1;
	}
	return 0;
}

/* Some of the columns (rank/columns.h) stood in another order in records of version 1, of rows[n] of which this makes the
 * order of version 2. A later order wants a version of its own, and the way from this one. */
static void set_in_order(float *rows, size_t n, size_t n_columns)
{
	enum { FIRST = 29, N = 51 };
	static const uint8_t now_at[] = {33, 34, 35, 36, 37, 38, 39, 40, 41, 42, 43, 29, 44, 30, 31, 32};
	float then[sizeof(now_at)];
	for (size_t i = 0; i < n && n_columns == N; i++) {
		float *row = rows + i * N;
		memcpy(then, row + FIRST, sizeof(then));
		for (size_t k = 0; k < sizeof(now_at); k++)
			row[now_at[k]] = then[k];
	}
}

int example_decode(struct arena *arena, struct span bytes, struct example **out)
{
	struct byte_reader r = bytes_reader(bytes);
	struct example head = {0};
	const unsigned version = get_u8(&r);
	if (version < 1 || version > EXAMPLE_VERSION)
		return 1;
	head.feed = get_u64(&r);
	head.user = get_u64(&r);
	head.page = get_u16(&r);
	struct span model = get_string(&r, EXAMPLE_MODEL_BYTES);
	if (model.len && memchr(model.data, '\0', model.len))
		return 1;
	if (model.len)
		memcpy(head.model, model.data, model.len);
	head.step = get_u64(&r);
	head.weight = get_f32(&r);
	if (!(head.weight >= 0 && head.weight <= 1))
		return 1;
	head.at_ms = get_i64(&r);
	head.top_section = get_u32(&r);
	head.n_listed = get_u16(&r);
	head.n_recent = get_u8(&r);
	if (head.n_recent > EXAMPLE_RECENT)
		return 1;
	for (size_t i = 0; i < head.n_recent; i++)
		head.recent[i] = get_u32(&r);
	if (get_document(&r, &head))
		return 1;
	head.n = get_u16(&r);
	head.n_columns = get_u8(&r);
	if (r.failed || head.n == 0 || head.n > EXAMPLE_SLOTS_MAX || head.n_columns > EXAMPLE_COLUMNS_MAX ||
	    (size_t)(r.end - r.at) < (head.n + 2) * head.n_columns * sizeof(float))
		return 1;
	struct example *e = example_new(arena, head.n, head.n_columns);
	if (!e)
		return -ENOMEM;
	head.slots = e->slots;
	head.columns = e->columns;
	head.mean = e->mean;
	head.deviation = e->deviation;
	*e = head;
	for (size_t i = 0; i < e->n && !r.failed; i++)
		get_slot(&r, &e->slots[i]);
	get_floats(&r, e->mean, e->n_columns);
	get_floats(&r, e->deviation, e->n_columns);
	get_floats(&r, e->columns, e->n * e->n_columns);
	e->number = version < 3 ? EXAMPLE_NO_NUMBER : get_u64(&r);
	if (!bytes_done(&r))
		return 1;
	if (version == 1)
		set_in_order(e->columns, e->n + 2, e->n_columns); /* means and deviations stand behind */
	*out = e;
	return 0;
}
