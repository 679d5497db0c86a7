/* What the engine's own files share; nobody outside this folder's own .c files includes this.
 *
 * Memory is published, never locked: readers (workers) follow atomically published pointers inside the epoch; the writer
 * thread alone changes things. A batch works on copies and on the store's transaction; what it changed becomes
 * visible after the commit, all at once for a reader, before anyone is told. */
#ifndef MYNEWS_ENGINE_CORE_H
#define MYNEWS_ENGINE_CORE_H

#include <stdatomic.h>

#include "engine/base/arena.h"
#include "engine/base/day_filter.h"
#include "engine/base/epoch.h"
#include "engine/base/map.h"
#include "engine/catalog/catalog.h"
#include "engine/catalog/stories.h"
#include "engine/dense.h"
#include "engine/engine.h"
#include "engine/learner.h"
#include "engine/monitor.h"
#include "engine/pending.h"
#include "engine/rank/rank.h"
#include "engine/store/behind.h"
#include "engine/store/codec.h"
#include "engine/store/records.h"
#include "engine/store/writer.h"
#include "engine/text/text.h"

/* One line into a problem, cut to its room. Returns 1, the outcome that a problem explains. */
int engine_problem_say(struct engine_problem *problem, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* What store_open's error means. Returns 1. */
int engine_cannot_open(struct engine_problem *problem, const char *dir, int error);

/* ---- topics: names and numbers (topics.c) ---- */

enum { TOPICS_MAX = 4096 * 4096 }; /* numbers of a namespace are below */
struct topics;
int topics_new(struct topics **out, struct epoch *e) __attribute__((warn_unused_result));
void topics_free(struct topics *t);
/* Startup: every stored topic. */
int topics_load(struct topics *t, struct store_txn *txn) __attribute__((warn_unused_result));
/* The number of a normalised, namespaced name; 0 when unknown. Any thread inside the epoch. */
uint32_t topics_find(const struct topics *t, struct span name);
/* The name of a number; empty when unknown. Lives as long as the process. Any thread. */
struct span topics_name(const struct topics *t, uint32_t topic);
/* How it is shown: as it was first written, a stem as most articles write it, without namespace. Likewise. */
struct span topics_label(const struct topics *t, uint32_t topic);
/* The parts of a stored record. */
void topics_split(struct span record, struct span *name, struct span *label);
/* Writer: finds or makes; a label is kept when there is none yet; for a stem it is a vote (empty: written as the
 * stem is), but for NULL, which says nothing. What a batch made is forgotten by
 * topics_abandon. Returns 0 or negative errno, -ENOSPC when all numbers of the namespace are in use. */
int topics_resolve(struct topics *t, struct store_txn *txn, struct span name, struct span label, uint32_t *out)
	__attribute__((warn_unused_result));
void topics_commit(struct topics *t);
void topics_abandon(struct topics *t);
/* The highest number that each namespace had given when topics were last left out of the store; zeros when none were.
 * Returns 0 or negative errno, -EINVAL for a damaged record. */
int topics_given_read(struct store_txn *txn, uint32_t given[N_TOPIC_NAMESPACES]) __attribute__((warn_unused_result));
int topics_given_write(struct store_txn *txn, const uint32_t given[N_TOPIC_NAMESPACES])
	__attribute__((warn_unused_result));
uint64_t topics_count(const struct topics *t);
uint64_t topics_bytes(const struct topics *t);
/* The namespace "topic:" etc. names; 0 when none is at the front. */
enum topic_namespace topics_namespace(struct span name);

/* Sets of topic numbers, and which of them a record names (named.c). */
struct topic_set;
int topic_set_new(struct topic_set **out) __attribute__((warn_unused_result));
void topic_set_free(struct topic_set *s);
/* Returns 0 or -ENOMEM. A number that no topic can have is left out. */
int topic_set_add(struct topic_set *s, uint32_t topic) __attribute__((warn_unused_result));
bool topic_set_has(const struct topic_set *s, uint32_t topic);
/* Calls fn for every topic that a record of the table names, maybe more than once. Returns 0, or 1 when the bytes are not
 * such a record (fn may have been called then). */
int topics_in_record(struct arena *arena, enum store_table table, struct span key, struct span value,
                     void (*fn)(void *ctx, uint32_t topic), void *ctx) __attribute__((warn_unused_result));

/* ---- readers: the hot cache (readers.c) ---- */

/* An impression, and how many records the reader's chain has after it. */
struct lead_entry {
	int64_t received_ms;
	uint32_t article, n_after;
};

enum { LEAD_KEPT = 16 };

/* The last impressions, newest first; in memory only. */
struct lead {
	bool known; /* false: the chain has to be asked */
	uint32_t n;
	struct lead_entry entries[LEAD_KEPT];
};

/* Everything about one reader; immutable once published. */
struct reader {
	uint64_t user;
	uint64_t chain_head, through;
	struct lead lead;
	struct profile profile;
	struct history history;
	struct user_record settings; /* spans point into settings_bytes */
	struct span id;              /* points into settings_bytes */
	size_t n_settings_bytes;
	uint8_t settings_bytes[2048]; /* the stored record, then the id */
};

struct hot {
	struct reader *_Atomic reader; /* NULL: being created or erased */
	struct reader *pending;        /* this batch's working copy; writer only from here on */
	uint64_t key, user;
	bool dirty, created_in_batch;
	bool history_changed; /* since its checkpoint; a slate changes the chain's head alone */
	unsigned dirty_round; /* the checkpoint round it became dirty in */
	struct hot *newer, *older; /* in the list of the clean or of the dirty */
	struct hot *next_pending;
};

struct readers;
int readers_new(struct readers **out, struct epoch *e, const struct profile_config *config, unsigned n_max)
	__attribute__((warn_unused_result));
void readers_free(struct readers *r);

/* Workers: the reader as every acknowledged write left it. `scratch` is filled and returned when the reader is not hot;
 * renews `txn` if it has to look there. *out is NULL when nothing is known (or being erased). */
int readers_get(const struct readers *r, struct store_txn *txn, struct span id, struct reader *scratch,
                const struct reader **out) __attribute__((warn_unused_result));

/* Writer, in a transaction: the batch's working copy, made when there is none. Returns 0; 1 unknown (and !create); 2 being
 * erased; negative errno. */
struct numbers;
int readers_open(struct readers *r, struct store_txn *txn, struct span id, bool create, struct numbers *numbers,
                 int64_t now_ms, struct hot **out) __attribute__((warn_unused_result));
int readers_open_number(struct readers *r, struct store_txn *txn, uint64_t user, struct hot **out)
	__attribute__((warn_unused_result));
/* Stores changed settings and takes them into the working copy. Returns 0 or negative errno. */
int readers_put_settings(struct readers *r, struct store_txn *txn, struct hot *hot, const struct user_record *settings)
	__attribute__((warn_unused_result));
/* Folds one log record into a reader. Pure. */
void readers_fold(const struct profile_config *config, struct reader *reader, const struct log_record *record);
/* Folds the whole retained chain again over the base, into the working copy. */
int readers_refold(struct readers *r, struct store_txn *txn, struct hot *hot) __attribute__((warn_unused_result));
/* End of batch: publish every working copy, or forget them. */
void readers_commit(struct readers *r);
void readers_abandon(struct readers *r);
/* Erased: nothing is hot any more. */
void readers_forget(struct readers *r, uint64_t user);
/* Checkpoint: a round takes the readers that are dirty when it begins; each step writes out up to n of them, *n_left
 * says how many remain. readers_clean after the commit (or its failure) ends the step. */
void readers_begin_round(struct readers *r);
int readers_checkpoint(struct readers *r, struct store_txn *txn, size_t n, size_t *n_left)
	__attribute__((warn_unused_result));
void readers_clean(struct readers *r, bool committed);
/* Drops clean readers, those first that became so first, until no more than n_max are hot. */
void readers_evict(struct readers *r);
/* After readers_evict: more are hot than n_max, all of them dirty. */
bool readers_pressed(const struct readers *r);
void readers_stats(const struct readers *r, uint64_t *n_hot, uint64_t *n_dirty, uint64_t *bytes);
int reader_load(struct store_txn *txn, struct span id, struct reader *out) __attribute__((warn_unused_result));
/* Reads a reader's base (what stood before the retained log) into profile and history, empty when there is none. */
int reader_load_base(struct store_txn *txn, uint64_t user, struct profile *p, struct history *h)
	__attribute__((warn_unused_result));

/* ---- what a reader saw last (lead.c) ---- */

/* The last `most` impressions of the half hour before now_ms, newest first: from memory when the reader carries them.
 * Returns 0 or negative errno. */
int lead_find(const struct reader *reader, struct store_txn *txn, struct arena *arena, int64_t now_ms, size_t most,
              struct lead_entry *out, size_t *n_out) __attribute__((warn_unused_result));
/* The same by walking the log back from a record. */
int lead_walk(struct store_txn *txn, struct arena *arena, uint64_t sequence, int64_t now_ms, size_t most,
              struct lead_entry *out, size_t *n_out) __attribute__((warn_unused_result));
/* Writer: makes a working copy carry them; moves them on by a record that was appended. */
int lead_look_up(struct lead *l, struct store_txn *txn, struct arena *arena, uint64_t chain_head, int64_t now_ms)
	__attribute__((warn_unused_result));
void lead_append(struct lead *l, const struct log_record *record);

/* reader_parts.c: profile and history under a table's keys of user and part (histories or bases). */
enum { PART_PROFILE, PART_READS, PART_SHOWN };
struct span key_user_part(uint8_t out[9], uint64_t user, uint8_t part);
/* Reads into h, which stays as it is where nothing is stored; writes one part. */
int reader_load_history(struct store_txn *txn, enum store_table table, uint64_t user, struct history *h)
	__attribute__((warn_unused_result));
int reader_put_part(struct store_txn *txn, enum store_table table, uint64_t user, uint8_t part, const struct profile *p,
                    const struct history *h) __attribute__((warn_unused_result));
/* Writes all parts of a base. */
int reader_store_base(struct store_txn *txn, uint64_t user, const struct profile *p, const struct history *h)
	__attribute__((warn_unused_result));

/* ---- numbers that only grow, kept in meta ---- */

struct numbers {
	uint64_t sequence;
	uint64_t next_user;
	uint32_t next_article;
};

/* ---- published lists ---- */

struct edition_entry {
	struct span key;
	struct edition_record record;
	uint8_t language_numbers[LIMIT_EDITION_LIST];
};
struct edition_list { /* immutable */
	size_t n;
	struct arena arena;
	struct edition_entry *entries; /* [n] by key */
};
struct pin_entry {
	struct span article_id;
	struct pin_record record;
};
struct pin_list { /* immutable */
	size_t n;
	struct arena arena;
	struct pin_entry *entries;
};

struct count_change {
	uint32_t article;
	int64_t at_ms;
	enum catalog_counter counter;
	int delta;
};

/* Clients' ids (event_ids.c); writer only. */
struct event_ids {
	struct behind *behind;
	struct day_filter *days; /* which days may have one */
	bool known;              /* `days` has all of the table */
	uint8_t next[20];        /* else from here on it does not */
};

struct engine {
	struct engine_config config;
	char dir[4096];
	int lock_fd;
	struct store *store;
	struct writer *writer;
	struct epoch *epoch;
	struct topics *topics;
	struct readers *readers;
	struct catalog *catalog;
	struct stories *stories;
	struct dense *dense;
	struct word_vectors *word_vectors; /* NULL: none are configured */
	float *word_sum;                   /* scratch of their width */
	struct text_df *df;
	struct learner *learner;
	struct pending *pending;
	struct event_ids ids;
	struct behind *counted;
	struct monitor *monitor;
	_Atomic uint64_t stat_learnt, stat_pending, stat_watched, stat_pending_bytes, stat_pending_dropped, stat_learner_bytes, stat_fallbacks;
	struct rank_models models;
	_Atomic uint64_t model_swaps; /* odd while they, their columns and what they learnt are being swapped */
	struct profile_config profile_config;
	uint8_t secret[32]; /* authenticates cursors */
	struct edition_list *_Atomic editions;
	struct pin_list *_Atomic pins;
	_Atomic uint64_t sequence; /* published */
	_Atomic uint64_t checkpoint_sequence;
	_Atomic int64_t now_ms; /* as of the last tick */
	_Atomic uint64_t n_slates_dropped, n_feeds, n_users;
	_Atomic uint64_t stat_readers, stat_dirty, stat_readers_bytes, stat_topics, stat_topics_bytes, stat_stories_bytes;
	_Atomic uint64_t stat_articles, stat_stories, stat_segments, stat_catalog_bytes;
	_Atomic bool nearly_full;
	_Atomic unsigned n_workers;
	_Atomic uint64_t last_feed;

	/* The writer's own. */
	struct numbers numbers, numbers_before; /* now; at the start of the batch */
	uint64_t next_example; /* the number of the next that is stored */
	struct arena batch_arena;
	struct buf record;
	struct text *text; /* folds titles for the q= filter */
	bool stories_changed; /* by this batch: an abandon rebuilds the index */
	bool stories_stale;   /* that failed, and has to come before the next batch */
	uint64_t round_sequence; /* of the checkpoint round under way; 0 none */
	int64_t last_checkpoint_ms, last_sweep_ms;
	struct erase_task *erasing;
};

/* Submits a write that makes the store grow: -ENOSPC when that is nearly full, else as writer_submit. */
int engine_submit_growth(struct engine *e, struct write_op *op) __attribute__((warn_unused_result));

struct engine_worker {
	struct engine *engine;
	int reader_slot;
	unsigned number;
	struct store_txn *txn;
	struct text *text;
	struct rank_scratch *scratch;
	struct reader *reader; /* room for one that is not hot */
	uint64_t last_feed;
	struct rank_item *pool; /* [LIMIT_FEED_DEPTH] */
	struct arena stage_two; /* of the request at hand */
	bool awake;
};

/* The engine that an operation's ctx is. */
static inline struct engine *engine_of(void *ctx)
{
	return ctx;
}

/* An operation that ends by telling the caller. */
struct caller_op {
	struct write_op op;
	engine_done_fn done;
	void *done_ctx;
};
void caller_op_done(struct write_op *op, int status, void *ctx);

/* Meta keys. */
#define META_KEY_FORMAT "format"
#define META_KEY_NUMBERS "numbers"
#define META_KEY_SECRET "secret"
#define META_KEY_CHECKPOINT "checkpoint"
#define META_KEY_TOPICS "topics" /* numbers given, of topics that are gone too */
#define META_PREFIX_PIN "pin/"
#define META_PREFIX_ERASE "erase/"
#define META_PREFIX_TOKEN "token/"      /* SHA-256 -> user and token */
#define META_PREFIX_USER_TOKEN "tokens/" /* user number, token id -> SHA-256 */
enum { FORMAT_VERSION = 1 };

/* The largest a store can grow: reserved, not used. Sanitizers leave less room for addresses. */
static inline size_t engine_map_bytes(void)
{
#ifdef MYNEWS_SANITIZED
	return (size_t)16 << 30;
#else
	return (size_t)256 << 30;
#endif
}

/* For operations whose work is to publish. */
static inline int write_nothing(struct write_op *op, struct store_txn *txn, void *ctx)
{
	return 0;
}

/* models.c: what learns is told of the n models that serve. Writer. Returns 0 or -ENOMEM. */
int engine_set_learning(struct engine *e, size_t n) __attribute__((warn_unused_result));
/* models.c: [n] models out of their texts. Returns 0, 1 with the problem, negative errno. */
int engine_parse_models(const struct engine_model_text *texts, size_t n, struct model **out,
                        struct engine_problem *problem) __attribute__((warn_unused_result));
/* stage_two.c: what the model at a place, or its members, have learnt by now. */
void stage_two_pick(const struct learner *l, const struct model *m, unsigned slot, struct rank_stage_two *out);
/* event_ids.c. Returns 0 or -ENOMEM; what was made is freed, also where it failed. */
int event_ids_new(struct event_ids *ids, size_t n_max, int64_t now_ms) __attribute__((warn_unused_result));
void event_ids_free(struct event_ids *ids);
/* Housekeeping after the start: learns from a bounded part of the table which days may have what. */
void event_ids_learn(struct engine *e);
/* The sequence that an id got on one of the last n_days or today; 0 when none. */
int event_ids_find(struct engine *e, struct store_txn *txn, struct hash128 hash, uint32_t today, unsigned n_days,
                   uint64_t *sequence) __attribute__((warn_unused_result));
/* An event is being logged, or found in the log's tail; nothing happens when it came without an id. */
int event_ids_add(struct engine *e, const struct log_record *r, uint64_t sequence) __attribute__((warn_unused_result));
/* Its reader is being erased. */
int event_ids_erase(struct engine *e, struct store_txn *txn, const struct log_record *r)
	__attribute__((warn_unused_result));
/* counted.c: a reader counts once for an article and event type. */
static inline bool is_counted_type(enum event_type type)
{
	return type == EVENT_CLICK || type == EVENT_IMPRESSION;
}
/* The table in front; behind_free frees it. Returns 0 or -ENOMEM. */
int counted_new(struct behind **out, size_t n_max) __attribute__((warn_unused_result));
/* Marks an event that is about to be logged; *repeat says that there was one before. */
int counted_add(struct engine *e, struct store_txn *txn, const struct log_record *r, bool *repeat)
	__attribute__((warn_unused_result));
/* A counted event of a chain is undone: *instead becomes the sequence of the repeat that counts in its place (its record is
 * rewritten, *at_ms is its time), 0 when there is none. */
int counted_undo(struct engine *e, struct store_txn *txn, const struct log_record *r, uint64_t sequence,
                 uint64_t chain_head, uint64_t *instead, int64_t *at_ms) __attribute__((warn_unused_result));
/* The event leaves the log. */
int counted_forget(struct engine *e, struct store_txn *txn, const struct log_record *r)
	__attribute__((warn_unused_result));
/* Its reader is being erased, with all that counted. */
int counted_erase(struct engine *e, struct store_txn *txn, const struct log_record *r)
	__attribute__((warn_unused_result));
/* A record of the log's tail, as it stands there by now, in its turn. */
int counted_replay(struct engine *e, struct store_txn *txn, const struct log_record *r)
	__attribute__((warn_unused_result));
/* event_log.c: a record of the log. Its spans live as long as what stands in the store does. Returns 0; 1 when it is not, or no
 * longer, there; -EINVAL for a damaged one, other negative errno. */
int event_log_read(struct store_txn *txn, struct arena *arena, uint64_t sequence, struct log_record *out)
	__attribute__((warn_unused_result));
/* Puts a changed record in its place. */
int event_log_rewrite(struct engine *e, struct store_txn *txn, uint64_t sequence, const struct log_record *r)
	__attribute__((warn_unused_result));
/* chain.c: appends to the log and the reader's chain, and tells the sequence; and the same with the record folded into the
 * reader. */
int chain_append(struct engine *e, struct store_txn *txn, struct hot *hot, struct log_record *r, uint64_t *sequence)
	__attribute__((warn_unused_result));
int chain_fold(struct engine *e, struct store_txn *txn, struct hot *hot, struct log_record *r)
	__attribute__((warn_unused_result));
static inline uint32_t day_of(int64_t ms)
{
	return (uint32_t)(ms / 86400000);
}

/* ingest.c: the catalogue's entry of a stored article; false when it is not to be live at all. */
int engine_publish_record(struct engine *e, uint32_t number, const struct article_record *r)
	__attribute__((warn_unused_result));
int stories_put_record(struct engine *e, uint32_t number, const struct article_record *r)
	__attribute__((warn_unused_result));
int stories_rebuild(struct engine *e, struct store_txn *txn) __attribute__((warn_unused_result));
uint64_t edition_bits(const struct edition_list *list, const struct article_record *r, uint32_t source,
                      uint32_t section);
/* learning.c: a slate waits for its reader's events (taken over, freed on failure); the slates that are due are closed on
 * the writer thread, `done` (may be NULL) running afterwards: 0, 1 when none is due, negative errno, where done will not
 * run; and one stored example is learnt, its articles counted where `through` (article -> sequence that its counters hold; NULL:
 * everywhere) does not say they are. */
int64_t learning_delay_ms(const struct engine *e, const struct model *m);
int learning_wait_take(struct engine *e, struct pending_slate *slate) __attribute__((warn_unused_result));
int learning_close_due(struct engine *e, int64_t now_ms, engine_done_fn done, void *ctx)
	__attribute__((warn_unused_result));
int learning_fold(struct engine *e, const struct example *example, uint64_t sequence, const struct map *through)
	__attribute__((warn_unused_result));
/* An event of a chain is undone. What it taught is not unlearnt, but the example that holds it leaves the store: *dropped is
 * its sequence, for learner_drop once that is durable, 0 when there is none. */
int learning_drop(struct engine *e, struct store_txn *txn, const struct log_record *r, uint64_t sequence,
                  uint64_t chain_head, uint64_t *dropped) __attribute__((warn_unused_result));
/* recover.c: what the store holds comes into memory. Returns 0, 1 with the problem, negative errno. */
int engine_recover(struct engine *e, int64_t now_ms, struct engine_problem *problem) __attribute__((warn_unused_result));
/* core.c: the numbers into meta; and, after a transaction, what it put into the views' memory stays, or goes. */
int engine_numbers_put(struct engine *e, struct store_txn *txn) __attribute__((warn_unused_result));
void engine_views_end(struct engine *e, bool committed);
/* checkpoint.c: one bounded step, of at most so many readers, in a transaction of its own; *done when a round is complete. */
enum { CHECKPOINT_READERS = 512 };
int engine_checkpoint_step(struct engine *e, bool *done) __attribute__((warn_unused_result));
void engine_update_stats(struct engine *e);
/* erase.c: marks a reader in the batch's transaction; and submits an operation that marks, whose caller hears when the
 * erasing is complete. */
struct erase_task;
int erase_begin(struct engine *e, struct store_txn *txn, struct hot *hot, struct erase_task *task)
	__attribute__((warn_unused_result));
int erase_submit(struct engine *e, struct caller_op *caller, struct erase_task **slot, engine_done_fn done, void *ctx)
	__attribute__((warn_unused_result));
int engine_erase_step(struct engine *e) __attribute__((warn_unused_result));
/* checkpoint.c: an article's counters as they stand after the last commit, between batches; and those that a record holds back
 * into memory, the sequence they hold through into `through` (article -> sequence). Likewise the document frequency. */
int checkpoint_counters(struct engine *e, struct store_txn *txn, uint32_t article) __attribute__((warn_unused_result));
int checkpoint_load_counters(struct engine *e, struct store_txn *txn, uint32_t article, struct map *through)
	__attribute__((warn_unused_result));
int checkpoint_load_df(struct engine *e, struct store_txn *txn) __attribute__((warn_unused_result));
void engine_erase_forget(struct engine *e); /* memory only: drops the first task */
int engine_erase_recover(struct engine *e, struct store_txn *txn) __attribute__((warn_unused_result));
/* keep.c: drops what is older than the settings keep, a bounded amount a call. */
int engine_sweep(struct engine *e, int64_t now_ms) __attribute__((warn_unused_result));
/* editions.c */
int editions_load(struct engine *e, struct store_txn *txn) __attribute__((warn_unused_result));
int pins_load(struct engine *e, struct store_txn *txn) __attribute__((warn_unused_result));
const struct edition_entry *edition_find(const struct edition_list *list, struct span key);
/* feed_id.c: the number that an id stands for, 1 when it is none; and the key of a feed's page among the slates. */
int feed_id_parse(struct span feed_id, uint64_t *feed) __attribute__((warn_unused_result));
struct span key_slate(uint8_t out[10], uint64_t feed, uint16_t page);

#endif
