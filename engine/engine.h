/* The engine's face: everything api/ and bench/ may ask of it.
 *
 * Threads. An engine has one writer thread of its own. Every other thread that calls it owns a struct engine_worker.
 * Between engine_wake and engine_idle a worker may call the reading functions and what they return stays valid until the
 * arena is reset or engine_idle is called, whichever comes first; call engine_idle before blocking.
 *
 * Writes are asynchronous. A write call queues the work and returns 0, or -EAGAIN when the queue is full, or -ENOSPC when
 * it would add to a store that is nearly full (nothing was taken; say 503). Everything it was handed, results included, must live until `done` runs; `done` runs on the writer
 * thread and should only hand over. Its status is 0 (durable, and seen by every request that starts from now on) or a
 * negative errno (nothing of the batch was stored: -ENOSPC, -EIO, -ENOMEM). Outcomes of single elements are in results.
 *
 * The time is a parameter, milliseconds since 1970. */
#ifndef MYNEWS_ENGINE_ENGINE_H
#define MYNEWS_ENGINE_ENGINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "engine/base/arena.h"
#include "engine/base/buf.h"
#include "engine/types.h"

struct engine;
struct engine_worker;

/* ---- opening ------------------------------------------------------------------------------------------------ */

struct engine_model_text {
	struct span name; /* the file's stem */
	struct span json;
};

struct engine_config {
	const char *dir;       /* created when missing */
	size_t map_bytes;      /* 0: 256 GiB (16 under sanitizers) */
	bool nosync;           /* for measurements that need no durability; never for a server */
	unsigned live_days;    /* 0 keeps every story live */
	unsigned log_days;     /* events kept; at least undo_days; 0 keeps all */
	unsigned slate_days;
	unsigned queue_elements;         /* bound of the writer's queue */
	unsigned checkpoint_interval_ms;
	unsigned readers_cached;         /* hot readers in memory */
	size_t views_max;                /* new entries of each of the log's views in memory before a checkpoint must come */
	unsigned story_max;              /* reports a story */
	unsigned story_window_h;
	const char *vectors;         /* a file of word vectors (engine/text/text.h); NULL or "" none */
	int64_t learn_delay_ms;      /* a slate is learnt this long after it was sent; negative: as its model says */
	size_t learn_pending_bytes;  /* memory for slates that wait for their events */
	const struct engine_model_text *models; /* [n_models]; the first is the default */
	size_t n_models;
};
extern const struct engine_config engine_config_default; /* dir NULL, models none */

enum { ENGINE_UNDO_DAYS = 30, ENGINE_DEDUPE_DAYS = 7, ENGINE_FUTURE_MS = 5 * 60 * 1000, ENGINE_CURSOR_MS = 24 * 3600 * 1000 };

struct engine_problem {
	char text[256]; /* one line that says what to do */
};

/* Opens (taking the directory's lock), rebuilds memory, starts the writer. Returns 0; 1 when it can't for a reason the
 * problem explains (another server holds the directory, a newer format, a bad model); negative errno. */
int engine_open(struct engine **out, const struct engine_config *config, int64_t now_ms, struct engine_problem *problem)
	__attribute__((warn_unused_result));
/* Finishes queued writes, checkpoints, closes. All workers must be freed. NULL is safe. */
void engine_close(struct engine *e);

int engine_worker_new(struct engine *e, struct engine_worker **out) __attribute__((warn_unused_result));
void engine_worker_free(struct engine_worker *w);
void engine_wake(struct engine_worker *w);
void engine_idle(struct engine_worker *w);

typedef void (*engine_done_fn)(void *ctx, int status);

/* Moves the engine's time on the writer thread: minute columns, expiry, checkpoints. A server calls it about each
 * second; tests after setting a manual clock (then wait for done). done may be NULL. */
int engine_tick(struct engine *e, int64_t now_ms, engine_done_fn done, void *ctx) __attribute__((warn_unused_result));
/* done runs when everything queued before is durable. checkpoint: also write every checkpoint out. */
int engine_flush(struct engine *e, bool checkpoint, engine_done_fn done, void *ctx) __attribute__((warn_unused_result));
/* What model files may name (models/model.h). */
struct model_names;
const struct model_names *engine_model_names(void);
/* The "checksum" of a model file with these trees, XGBoost's JSON, into out. Returns 0, 1 with a problem, -ENOMEM. */
int engine_trees_checksum(struct span trees, struct buf *out, struct engine_problem *problem)
	__attribute__((warn_unused_result));
/* Would engine_set_models take them? Returns 0, 1 with a problem, -ENOMEM. */
int engine_check_models(const struct engine_model_text *models, size_t n_models, struct engine_problem *problem)
	__attribute__((warn_unused_result));
enum { ENGINE_MODELS = 8 };
/* Names of the models that a request may ask for, the default one's first; they live as long as the wake. Returns how
 * many. */
size_t engine_model_list(struct engine_worker *w, const char *names[ENGINE_MODELS]);
/* Parses and swaps in models (SIGHUP, PUT). On 1 nothing changed. Blocks until the swap is visible. Not from a worker's
 * loop while writes wait on that same loop. */
int engine_set_models(struct engine *e, const struct engine_model_text *models, size_t n_models,
                      struct engine_problem *problem) __attribute__((warn_unused_result));

/* ---- articles ----------------------------------------------------------------------------------------------- */

enum article_outcome { ARTICLE_CREATED, ARTICLE_UPDATED, ARTICLE_UNCHANGED, ARTICLE_STALE, ARTICLE_REJECTED };

struct article_result {
	enum article_outcome outcome;
};

/* Upserts by id. The articles are checked by the caller (api/formats) against types.h. The analysis of the text happens
 * here, on the calling thread. `arena` holds the operation until done. */
int engine_ingest(struct engine_worker *w, struct arena *arena, const struct article *articles,
                  struct article_result *results, size_t n, int64_t now_ms, engine_done_fn done, void *ctx)
	__attribute__((warn_unused_result));

/* Takes an article out for good. *found says whether it was there. */
int engine_article_delete(struct engine_worker *w, struct arena *arena, struct span id, int64_t now_ms, bool *found,
                          engine_done_fn done, void *ctx) __attribute__((warn_unused_result));

/* One stored article, complete with body. Returns 0, 1 not found. */
struct article_view {
	struct article article;
	uint32_t number, story;
	struct span vector_json; /* [{"topic","weight"}...] */
	bool live;
};
int engine_article_get(struct engine_worker *w, struct arena *arena, struct span id, struct article_view *out)
	__attribute__((warn_unused_result));

/* ---- events ------------------------------------------------------------------------------------------------- */

enum event_outcome { EVENT_ACCEPTED, EVENT_DUPLICATE, EVENT_REJECTED };
enum event_rejection {
	EVENT_FINE,
	EVENT_UNKNOWN_ARTICLE,
	EVENT_TOO_OLD,      /* `at` older than what is kept */
	EVENT_IN_FUTURE,    /* `at` over five minutes ahead */
	EVENT_USER_ERASING, /* 409 */
	EVENT_BAD_FEED_ID
};
enum { ENGINE_EVENT_ID_BYTES = 24 };

struct event_result {
	enum event_outcome outcome;
	enum event_rejection rejection;
	char id[ENGINE_EVENT_ID_BYTES]; /* NUL-terminated; set when the engine made one */
};

int engine_record(struct engine_worker *w, struct arena *arena, const struct event *events, struct event_result *results,
                  size_t n, int64_t now_ms, engine_done_fn done, void *ctx) __attribute__((warn_unused_result));

enum undo_outcome { UNDO_DONE, UNDO_NOT_FOUND, UNDO_TOO_OLD, UNDO_ALREADY };
int engine_undo(struct engine_worker *w, struct arena *arena, struct span event_id, int64_t now_ms,
                enum undo_outcome *outcome, engine_done_fn done, void *ctx) __attribute__((warn_unused_result));

/* ---- feed --------------------------------------------------------------------------------------------------- */

enum feed_order { FEED_RANKED, FEED_LATEST, FEED_TRENDING };

struct feed_request {
	struct span user_id; /* empty: nobody (latest, trending, article lists): no slate is kept */
	struct span cursor;  /* empty: a new feed */
	struct span edition, section, topic, place, language, source; /* empty: any. topic may be namespaced */
	struct span query;   /* q=: every word must stand in the title or name a topic; empty: any */
	struct span model;   /* empty: the default */
	const struct span *exclude; /* [n_exclude] article ids */
	size_t n_exclude;
	enum feed_order order;
	unsigned limit; /* 1 to LIMIT_FEED */
	bool each_report; /* every report, not the best of each story: article lists */
	bool explain;   /* all reasons instead of the three most telling */
	int64_t now_ms;
};

struct feed_reason {
	const char *code;   /* a feature's or column's name, or "pin" */
	const char *group;  /* what a reader is told of the code, where several codes share a sentence; else NULL */
	int stands;         /* what the code measures, against the others of the list: 1 above, -1 below; 0 no such thing */
	struct span topic;  /* namespaced; empty when it has none */
	struct span label;  /* the topic as it is written, without namespace */
	double contribution;
};

struct feed_item {
	unsigned position; /* 1 is the top, counted over pages */
	struct span card;  /* the article as JSON */
	struct span article_id;
	double score, propensity;
	int moved_by; /* how many of higher score, among what was left, diversity let it pass; 0 none */
	bool pinned;
	uint32_t story;
	unsigned story_size;
	const struct span *others; /* [n_others] JSON objects {id,title,source,...} of the story's other live reports */
	size_t n_others;
	const struct feed_reason *reasons; /* [n_reasons]; all of them strongest first, else the most telling */
	size_t n_reasons;
};

struct feed {
	char feed_id[32]; /* "" when no slate is kept */
	int64_t as_of_ms;
	uint64_t sequence; /* of the last write it saw */
	const char *model, *model_version;
	const struct feed_item *items; /* [n_items] */
	size_t n_items;
	struct span next_cursor; /* empty: the end */
	bool logged;
};

enum feed_outcome {
	FEED_OK,
	FEED_CURSOR_GONE = 1, /* 410: expired, or its slate was lost */
	FEED_CURSOR_BAD,      /* 400: not one of ours, or for another reader or other filters */
	FEED_UNKNOWN_EDITION, /* 422 */
	FEED_UNKNOWN_MODEL,   /* 422 */
	FEED_SLATE_PENDING    /* ask again after engine_flush */
};
/* Returns a feed_outcome or negative errno. Everything in *out lives as long as the arena and the wake. */
int engine_feed(struct engine_worker *w, struct arena *arena, const struct feed_request *request, struct feed *out)
	__attribute__((warn_unused_result));

/* How many stories would be new to the reader since that feed was made. FEED_CURSOR_GONE when the feed is unknown. */
int engine_feed_new(struct engine_worker *w, struct arena *arena, struct span user_id, struct span feed_id,
                    int64_t now_ms, unsigned *n_new) __attribute__((warn_unused_result));

/* Orders a caller's own list of article ids for a reader; unknown and not live ones are left out. `request` gives user,
 * model, explain and now. */
int engine_rank(struct engine_worker *w, struct arena *arena, const struct feed_request *request,
                const struct span *article_ids, size_t n, struct feed *out) __attribute__((warn_unused_result));

/* The model's raw score of each of a caller's articles for a reader, in the caller's order, whether read before or not;
 * NaN where the id is unknown or not live. scores: [n]. Cheaper than engine_rank: nothing is filled in. inputs: NULL, or
 * room for [n][2 * columns of engine_model_names], filled with what stage two looked at: z of each column, then c of each,
 * 0 of the columns the model does not look at; 0 where there is no score or no stage two. When feed_id is
 * not NULL and the model orders shortlists, the list waits for the reader's events under that id and is learnt from. */
int engine_score(struct engine_worker *w, struct arena *arena, const struct feed_request *request,
                 const struct span *article_ids, size_t n, double *scores, float *inputs, char feed_id[32])
	__attribute__((warn_unused_result));

/* Stories like this one: by topic vector, without its own story. Returns 1 when the article is unknown. */
int engine_related(struct engine_worker *w, struct arena *arena, struct span article_id, unsigned limit, int64_t now_ms,
                   struct feed *out) __attribute__((warn_unused_result));

/* Why an article is, or is not, in a reader's feed. Returns 0, 1 unknown article. */
struct explanation {
	const char *why;    /* "eligible", "read", "muted", "expired", ... */
	unsigned rank;      /* place by score among all eligible stories; 0 when not eligible or beyond LIMIT_FEED_DEPTH */
	double score;
	struct feed_item item; /* with all reasons */
};
int engine_explain(struct engine_worker *w, struct arena *arena, const struct feed_request *request,
                   struct span article_id, struct explanation *out) __attribute__((warn_unused_result));

/* ---- users -------------------------------------------------------------------------------------------------- */

struct user_mute {
	struct span topic; /* namespaced; "source:..." mutes a source */
	int64_t until_ms;  /* 0: for ever */
};

struct user_settings {
	const struct span *languages, *places, *follows; /* places without, follows with namespace */
	const struct user_mute *mutes;
	size_t n_languages, n_places, n_follows, n_mutes;
	struct span edition; /* empty: none */
};
enum user_field { USER_LANGUAGES = 1, USER_PLACES = 2, USER_EDITION = 4, USER_FOLLOWS = 8, USER_MUTES = 16, USER_ALL = 31 };

enum user_outcome { USER_DONE, USER_NOT_FOUND, USER_ERASING, USER_UNKNOWN_EDITION, USER_TOO_MANY_TOKENS };

/* Sets the fields in `fields`; the others stay. Creates the user. */
int engine_user_put(struct engine_worker *w, struct arena *arena, struct span user_id, const struct user_settings *settings,
                    unsigned fields, int64_t now_ms, enum user_outcome *outcome, engine_done_fn done, void *ctx)
	__attribute__((warn_unused_result));
/* Returns a user_outcome or negative errno. Expired mutes are left out. */
int engine_user_get(struct engine_worker *w, struct arena *arena, struct span user_id, int64_t now_ms,
                    struct user_settings *out, int64_t *created_ms) __attribute__((warn_unused_result));
/* Erases all of it, the log too, in bounded transactions; done runs when the last is durable. Survives a crash. */
int engine_user_erase(struct engine_worker *w, struct arena *arena, struct span user_id, int64_t now_ms,
                      enum user_outcome *outcome, engine_done_fn done, void *ctx) __attribute__((warn_unused_result));
/* Joins an anonymous reader to an account: its history and interests are added, its id is then erased. */
int engine_user_merge(struct engine_worker *w, struct arena *arena, struct span user_id, struct span from_id,
                      int64_t now_ms, enum user_outcome *outcome, engine_done_fn done, void *ctx)
	__attribute__((warn_unused_result));

struct interest {
	struct span topic;
	double weight, short_term, long_term; /* weight is what ranking makes of the two */
	bool follow, mute;
	int64_t mute_until_ms;
};
int engine_interests_get(struct engine_worker *w, struct arena *arena, struct span user_id, int64_t now_ms,
                         const struct interest **out, size_t *n) __attribute__((warn_unused_result));

struct interest_change {
	struct span topic;           /* namespaced, normalised by the engine */
	bool set_weight;             /* then both terms are set */
	double short_term, long_term; /* both 0 forgets the topic */
	int follow, mute;            /* -1 leave, 0 off, 1 on */
	int64_t mute_until_ms;       /* with mute 1; 0 for ever */
};
enum { LIMIT_INTEREST_CHANGES = 100 };
#define LIMIT_INTEREST_WEIGHT 16.0
int engine_interests_patch(struct engine_worker *w, struct arena *arena, struct span user_id,
                           const struct interest_change *changes, size_t n, int64_t now_ms, enum user_outcome *outcome,
                           engine_done_fn done, void *ctx) __attribute__((warn_unused_result));

struct read_entry {
	struct span article_id, card; /* card empty when no longer live */
	int64_t at_ms;
	unsigned types; /* bit per enum event_type */
};
int engine_history(struct engine_worker *w, struct arena *arena, struct span user_id, bool saved_only,
                   const struct read_entry **out, size_t *n) __attribute__((warn_unused_result));
/* Everything kept about a reader, as one JSON object. Returns a user_outcome or negative errno. */
int engine_user_export(struct engine_worker *w, struct arena *arena, struct span user_id, int64_t now_ms, struct buf *out)
	__attribute__((warn_unused_result));

enum token_scope { TOKEN_FEED, TOKEN_READER };
struct token_info {
	char id[24];
	enum token_scope scope;
	int64_t created_ms;
};
/* `hash` is the SHA-256 of the secret: the engine never sees the secret. */
int engine_token_put(struct engine_worker *w, struct arena *arena, struct span user_id, const uint8_t hash[32],
                     const struct token_info *info, int64_t now_ms, enum user_outcome *outcome, engine_done_fn done,
                     void *ctx) __attribute__((warn_unused_result));
int engine_token_delete(struct engine_worker *w, struct arena *arena, struct span user_id, struct span token_id,
                        int64_t now_ms, enum user_outcome *outcome, engine_done_fn done, void *ctx)
	__attribute__((warn_unused_result));
int engine_tokens_get(struct engine_worker *w, struct arena *arena, struct span user_id, const struct token_info **out,
                      size_t *n) __attribute__((warn_unused_result));
/* Whose token is it? Returns 0, or 1 when unknown or revoked. */
int engine_token_find(struct engine_worker *w, struct arena *arena, const uint8_t hash[32], struct span *user_id,
                      enum token_scope *scope) __attribute__((warn_unused_result));

/* ---- editions, pins, stories --------------------------------------------------------------------------------- */

struct edition {
	struct span key, title, timezone;
	const struct span *languages, *places, *sections, *sources; /* an empty list asks nothing */
	size_t n_languages, n_places, n_sections, n_sources;
};
enum edition_outcome { EDITION_CREATED, EDITION_UPDATED, EDITION_DELETED, EDITION_NOT_FOUND, EDITION_TOO_MANY };
int engine_edition_put(struct engine_worker *w, struct arena *arena, const struct edition *edition, int64_t now_ms,
                       enum edition_outcome *outcome, engine_done_fn done, void *ctx) __attribute__((warn_unused_result));
int engine_edition_delete(struct engine_worker *w, struct arena *arena, struct span key, int64_t now_ms,
                          enum edition_outcome *outcome, engine_done_fn done, void *ctx)
	__attribute__((warn_unused_result));
/* All editions, by key. */
int engine_editions_get(struct engine_worker *w, struct arena *arena, const struct edition **out, size_t *n)
	__attribute__((warn_unused_result));

struct pin {
	struct span article_id;
	unsigned position;   /* 1 to LIMIT_FEED; 0: no pin, boost only */
	struct span edition; /* empty: every feed */
	int64_t until_ms;    /* 0: until removed */
	float boost;         /* 0: leave the publisher's */
};
enum pin_outcome { PIN_DONE, PIN_UNKNOWN_ARTICLE, PIN_UNKNOWN_EDITION, PIN_TOO_MANY };
enum { LIMIT_PINS = 200 };
int engine_pin_put(struct engine_worker *w, struct arena *arena, const struct pin *pin, int64_t now_ms,
                   enum pin_outcome *outcome, engine_done_fn done, void *ctx) __attribute__((warn_unused_result));
int engine_pin_delete(struct engine_worker *w, struct arena *arena, struct span article_id, int64_t now_ms,
                      enum pin_outcome *outcome, engine_done_fn done, void *ctx) __attribute__((warn_unused_result));
int engine_pins_get(struct engine_worker *w, struct arena *arena, const struct pin **out, size_t *n)
	__attribute__((warn_unused_result));

enum story_outcome { STORY_DONE, STORY_NOT_FOUND, STORY_UNKNOWN_ARTICLE, STORY_FULL };
/* Takes the named articles out of a story into one of their own; *new_story is its number. */
int engine_story_split(struct engine_worker *w, struct arena *arena, uint32_t story, const struct span *article_ids,
                       size_t n, int64_t now_ms, enum story_outcome *outcome, uint32_t *new_story, engine_done_fn done,
                       void *ctx) __attribute__((warn_unused_result));
/* Moves every report of `from` into `story`. */
int engine_story_merge(struct engine_worker *w, struct arena *arena, uint32_t story, uint32_t from, int64_t now_ms,
                       enum story_outcome *outcome, engine_done_fn done, void *ctx) __attribute__((warn_unused_result));
/* The cards of a story's live reports, oldest first. Returns 1 when there is none. */
int engine_story_get(struct engine_worker *w, struct arena *arena, uint32_t story, const struct span **cards, size_t *n)
	__attribute__((warn_unused_result));

/* ---- operations --------------------------------------------------------------------------------------------- */

/* How live slates went that a model ordered, over about the last thousand of them; NaN where nothing is known yet. */
struct engine_model_stats {
	char name[65];
	uint64_t n_slates, n_scored; /* closed; with something chosen and something not */
	double auc;                  /* of its scores against what was chosen */
	double click_through;        /* chosen of what was shown */
	double calibration;          /* how often its first should have been chosen by softmax, over how often it was */
};

struct engine_stats {
	uint64_t sequence, n_articles_live, n_stories_live, n_segments, n_users, n_readers_cached, n_readers_dirty, n_topics;
	uint64_t catalog_bytes, readers_bytes, topics_bytes, stories_bytes;
	uint64_t store_used_bytes, store_map_bytes;
	uint64_t queue_elements, queue_capacity, n_commits, n_elements, last_batch_elements, commit_us_total;
	uint64_t checkpoint_sequence, n_slates_dropped, n_feeds, n_commit_failures;
	int last_commit_error; /* negative errno; 0 none yet */
	bool store_nearly_full;
	uint64_t n_learnt, n_pending_slates, n_watched_slates, pending_bytes, n_pending_dropped, learner_bytes;
	uint64_t n_learner_fallbacks;
	struct engine_model_stats models[ENGINE_MODELS]; /* [n_models] that slates were ordered by */
	size_t n_models;
};
void engine_stats(struct engine *e, struct engine_stats *out);

struct replay_scores {
	uint64_t n_slates, n_scores; /* computed again */
	uint64_t n_left_out;         /* slates of other models, or scored while something was learnt or on later pages */
	double largest;              /* difference between a score served and computed again */
};
/* Learns again all that the directory's examples teach, from the first, and compares each score that was served with what
 * the model gave at that step. Right as long as the log goes back to where learning began. Returns 0, 1 with the problem,
 * negative errno. */
int engine_replay_scores(const char *dir, const struct engine_model_text *models, size_t n_models,
                         struct replay_scores *out, struct engine_problem *problem) __attribute__((warn_unused_result));

/* Whole-directory work without a running engine of this process (see each for what may run beside it). Each returns 0, 1
 * with a problem, or negative errno. */
int engine_check_dir(const char *dir, void (*report)(void *ctx, const char *finding), void *ctx,
                     struct engine_problem *problem) __attribute__((warn_unused_result)); /* beside a live server */
/* Streams every stored article, complete with body, in number order. fn returning a negative errno stops. */
int engine_export_dir(const char *dir, int (*fn)(void *ctx, const struct article *article), void *ctx,
                      struct engine_problem *problem) __attribute__((warn_unused_result)); /* beside a live server */
int engine_backup_dir(const char *dir, const char *to, struct engine_problem *problem)
	__attribute__((warn_unused_result)); /* beside a live server */
int engine_compact_dir(const char *dir, const char *to, struct engine_problem *problem)
	__attribute__((warn_unused_result)); /* takes the lock; record by record, so no freed bytes are carried over, and
	                                      * without topics that nothing names */
int engine_restore_dir(const char *from, const char *dir, struct engine_problem *problem)
	__attribute__((warn_unused_result)); /* takes the lock; the target must hold no data */

#endif
