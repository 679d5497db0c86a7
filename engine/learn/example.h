/* A slate as learning sees it: what stood in it, what was known of each story when it was ranked, what the reader did.
 *
 * Ranking makes one for every slate that a learning model ordered; it waits in memory for the reader's events, and when
 * its time has come what counts of it is stored (table `examples`) and learnt. What is learnt is a fold over stored
 * examples in the order of their sequence numbers, so a restart learns again what a checkpoint had not yet. */
#ifndef MYNEWS_ENGINE_LEARN_EXAMPLE_H
#define MYNEWS_ENGINE_LEARN_EXAMPLE_H

#include <stdint.h>

#include "engine/base/arena.h"
#include "engine/base/buf.h"
#include "engine/learn/kin.h"
#include "engine/types.h"

enum {
	EXAMPLE_SLOTS_MAX = 320, /* of a slate; what stands below is not learnt */
	EXAMPLE_RECENT = 30,     /* of the reader's last reads */
	EXAMPLE_WORDS = 8,       /* of an article */
	EXAMPLE_COLUMNS_MAX = 64,
	EXAMPLE_MODEL_BYTES = 64,
	/* Events that say a story was chosen. What an application calls by names of its own, and turning away, do not. */
	EXAMPLE_CHOSEN = 1u << EVENT_CLICK | 1u << EVENT_READ | 1u << EVENT_FINISH | 1u << EVENT_LIKE | 1u << EVENT_SHARE |
	                 1u << EVENT_SAVE
};
/* Of a model's numbers: the score cannot be had again from the columns (measured later than scored, or while learning). */
#define EXAMPLE_NO_STEP UINT64_MAX
#define EXAMPLE_NO_NUMBER UINT64_MAX

struct example_slot {
	uint32_t article;
	uint32_t section;              /* topic number; 0 none */
	uint32_t words[EXAMPLE_WORDS]; /* [n_words] the heaviest terms of its vector */
	uint8_t n_words;
	uint8_t position;              /* 1 is the top, 255 that or below; 0 unknown */
	uint16_t ctr_rank;             /* stories of the shortlist with a higher click-through; 0 until asked for */
	uint16_t events;               /* bit per enum event_type */
	double score;                  /* that the model gave it */
};

struct example {
	uint64_t feed, user;
	uint16_t page;
	char model[EXAMPLE_MODEL_BYTES + 1]; /* that scored it */
	float weight;            /* of its lesson: less the more slates of this reader were learnt that day; 0 to 1 */
	uint64_t step;           /* examples it had learnt by then; EXAMPLE_NO_STEP */
	uint64_t number;         /* examples that were learnt before this one; EXAMPLE_NO_NUMBER: it is not known */
	int64_t at_ms;           /* when it was ranked */
	uint32_t top_section;    /* of the reader's last reads; 0 none */
	uint16_t n_listed;       /* stories that mean and deviation were taken over */
	uint8_t n_recent;
	uint32_t recent[EXAMPLE_RECENT]; /* articles, newest first */
	/* The reader's document (kin.h): the rows of the words of the last reads. */
	uint8_t n_reads;
	uint16_t n_read_rows;
	uint16_t read_rows[KIN_DOCUMENT_MAX];
	size_t n, n_columns;
	struct example_slot *slots; /* [n] */
	float *columns;             /* [n][n_columns] as measured */
	float *mean, *deviation;    /* [n_columns] within the shortlist */
};

/* What an example takes of memory. */
size_t example_bytes(size_t n, size_t n_columns);
/* Lays an example with n slots out in that much memory, aligned to 16: where its arrays begin, and how long they are; the
 * rest is as it was. */
struct example *example_at(void *memory, size_t n, size_t n_columns);
/* Room for n slots in the arena. All is 0 but the slots and their columns, which are not set. NULL when memory is out. */
struct example *example_new(struct arena *arena, size_t n, size_t n_columns);

void example_encode(struct buf *b, const struct example *e);
/* Returns 0; 1 when the bytes are not such a record; -ENOMEM. */
int example_decode(struct arena *arena, struct span bytes, struct example **out) __attribute__((warn_unused_result));

#endif
