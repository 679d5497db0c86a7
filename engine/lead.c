/* What a reader saw last, by the impressions reported within the half hour: caps count it, so that they hold from one
 * feed to the next.
 *
 * The reader's chain in the log says it, but walking there is a dozen look-ups all over the store, a sixth of what a
 * feed costs. So a hot reader carries its last impressions: they are looked up once, with the first slate kept, and
 * every record appended from then on moves them on. An undo forgets them. What a hot reader carries and what a walk from its
 * chain's head finds are the same. */
#include <errno.h>
#include <string.h>

#include "engine/core.h"

/* How far back is looked. */
enum { BACK_MS = 30 * 60 * 1000, BACK_RECORDS = 128 };

int lead_walk(struct store_txn *txn, struct arena *arena, uint64_t sequence, int64_t now_ms, size_t most,
              struct lead_entry *out, size_t *n_out)
{
	size_t n = 0;
	for (uint32_t i = 0; i < BACK_RECORDS && n < most && sequence; i++) {
		struct log_record record;
		int r = event_log_read(txn, arena, sequence, &record);
		if (r < 0)
			return r;
		if (r == 1)
			break; /* no longer kept */
		if (record.received_ms + BACK_MS < now_ms)
			break;
		if (record.kind == LOG_EVENT && record.type == EVENT_IMPRESSION && !record.undone)
			out[n++] = (struct lead_entry){record.received_ms, record.article, i};
		sequence = record.previous;
	}
	*n_out = n;
	return 0;
}

int lead_look_up(struct lead *l, struct store_txn *txn, struct arena *arena, uint64_t chain_head, int64_t now_ms)
{
	size_t n;
	int r = lead_walk(txn, arena, chain_head, now_ms, LEAD_KEPT, l->entries, &n);
	if (r < 0)
		return r;
	l->n = (uint32_t)n;
	l->known = true;
	return 0;
}

void lead_append(struct lead *l, const struct log_record *record)
{
	if (!l->known)
		return;
	for (uint32_t i = 0; i < l->n; i++)
		l->entries[i].n_after++;
	if (record->kind != LOG_EVENT || record->type != EVENT_IMPRESSION)
		return;
	l->n -= l->n == LEAD_KEPT;
	memmove(l->entries + 1, l->entries, l->n * sizeof(l->entries[0]));
	l->entries[0] = (struct lead_entry){record->received_ms, record->article, 0};
	l->n++;
}

int lead_find(const struct reader *reader, struct store_txn *txn, struct arena *arena, int64_t now_ms, size_t most,
              struct lead_entry *out, size_t *n_out)
{
	const struct lead *l = &reader->lead;
	size_t n = 0;
	if (!l->known || most > LEAD_KEPT)
		return lead_walk(txn, arena, reader->chain_head, now_ms, most, out, n_out);
	while (n < l->n && n < most && l->entries[n].n_after < BACK_RECORDS && l->entries[n].received_ms + BACK_MS >= now_ms) {
		out[n] = l->entries[n];
		n++;
	}
	*n_out = n;
	return 0;
}
