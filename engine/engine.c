/* The face: opening, closing, workers, time, models. What a batch of the writer does around its operations is here too. */
#include "engine/core.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

const struct engine_config engine_config_default = {
	.live_days = 30, .log_days = 90, .slate_days = 30, .queue_elements = 65536, .checkpoint_interval_ms = 30000,
	.readers_cached = 20000, .views_max = 1 << 18, .story_max = 50, .story_window_h = 36, .learn_delay_ms = -1,
	.learn_pending_bytes = (size_t)64 << 20};

enum { BATCH_ELEMENTS = 1024, LINGER_MS = 10, IDLE_MS = 50, READERS_MAX = 256 };

/* ---- around a batch ---- */

/* The index of stories as the store has it, when a batch that changed it came to nothing. */
static int rebuild_stories(struct engine *e)
{
	struct store_txn *txn;
	int r = store_read_new(e->store, &txn);
	if (r < 0)
		return r;
	r = store_read_renew(txn);
	if (r == 0)
		r = stories_rebuild(e, txn);
	store_read_free(txn);
	return r;
}

static void batch_begin(void *ctx)
{
	struct engine *e = engine_of(ctx);
	arena_reset(&e->batch_arena);
	struct learner_totals learnt;
	learner_totals(e->learner, &learnt);
	e->next_example = learnt.n_learnt;
	e->numbers_before = e->numbers;
	if (!e->stories_stale || rebuild_stories(e) == 0)
		e->stories_stale = e->stories_changed = false;
}

static int batch_seal(struct store_txn *txn, void *ctx)
{
	return engine_numbers_put(engine_of(ctx), txn);
}

static void batch_end(void *ctx, bool committed)
{
	struct engine *e = engine_of(ctx);
	engine_views_end(e, committed);
	if (committed) {
		topics_commit(e->topics);
		readers_commit(e->readers);
		atomic_store_explicit(&e->sequence, e->numbers.sequence, memory_order_release);
	} else {
		topics_abandon(e->topics);
		readers_abandon(e->readers);
		e->numbers = e->numbers_before;
		if (e->stories_changed || e->stories_stale)
			e->stories_stale = rebuild_stories(e) < 0; /* while the disk fails: tried again before the next batch */
	}
	readers_evict(e->readers);
	epoch_reclaim(e->epoch);
}

void engine_update_stats(struct engine *e)
{
	uint64_t n_hot, n_dirty, bytes;
	readers_stats(e->readers, &n_hot, &n_dirty, &bytes);
	struct catalog_size size = catalog_size(e->catalog);
	struct store_size store;
	store_size(e->store, &store);
	atomic_store(&e->stat_readers, n_hot);
	atomic_store(&e->stat_dirty, n_dirty);
	atomic_store(&e->stat_readers_bytes, bytes);
	atomic_store(&e->stat_topics, topics_count(e->topics));
	atomic_store(&e->stat_topics_bytes, topics_bytes(e->topics));
	atomic_store(&e->stat_stories_bytes, stories_bytes(e->stories));
	atomic_store(&e->stat_articles, size.n_articles);
	atomic_store(&e->stat_stories, size.n_stories);
	atomic_store(&e->stat_segments, size.n_segments);
	atomic_store(&e->stat_catalog_bytes, size.bytes + dense_bytes(e->dense));
	struct learner_totals learnt;
	struct pending_totals pending;
	learner_totals(e->learner, &learnt);
	pending_totals(e->pending, &pending);
	atomic_store(&e->stat_learnt, learnt.n_learnt);
	atomic_store(&e->stat_learner_bytes, learnt.bytes);
	atomic_store(&e->stat_fallbacks, learnt.n_fallbacks);
	atomic_store(&e->stat_pending, pending.n);
	atomic_store(&e->stat_watched, pending.n_bare);
	atomic_store(&e->stat_pending_bytes, pending.bytes);
	atomic_store(&e->stat_pending_dropped, pending.n_dropped);
	atomic_store(&e->n_users, e->numbers.next_user - 1);
	atomic_store(&e->nearly_full, store.used_bytes / 9 >= store.map_bytes / 10);
}

static bool pressed(void *ctx)
{
	struct engine *e = engine_of(ctx);
	return readers_pressed(e->readers) || behind_pressed(e->ids.behind) || behind_pressed(e->counted);
}

/* A step of a checkpoint when one is due; as many as clean all that a batch can make dirty when memory must not grow. */
static void checkpoint_piece(struct engine *e, int64_t now_ms)
{
	bool due = e->round_sequence || now_ms - e->last_checkpoint_ms >= e->config.checkpoint_interval_ms, done;
	for (size_t n = 0; (due || pressed(e)) && n < BATCH_ELEMENTS; n += CHECKPOINT_READERS) {
		if (engine_checkpoint_step(e, &done) != 0)
			return;
		if (done)
			e->last_checkpoint_ms = now_ms;
		due = false;
		readers_evict(e->readers);
	}
}

/* Housekeeping between batches: one bounded piece of each kind of work a call. */
static void idle(void *ctx)
{
	struct engine *e = engine_of(ctx);
	int64_t now_ms = atomic_load(&e->now_ms);
	if (store_mend(e->store) < 0)
		return; /* tried again at the next idle moment */
	if (e->erasing && engine_erase_step(e) < 0)
		return; /* the disk is full or failing: tried again at the next idle moment */
	checkpoint_piece(e, now_ms);
	event_ids_learn(e);
	if (now_ms - e->last_sweep_ms >= 60000) {
		e->last_sweep_ms = now_ms;
		if (store_clear_stale_readers(e->store) < 0 || engine_sweep(e, now_ms) < 0)
			e->last_sweep_ms = now_ms - 50000; /* sooner again */
	}
	readers_evict(e->readers);
	epoch_reclaim(e->epoch);
	engine_update_stats(e);
}

/* ---- time and flushing ---- */

struct tick_op {
	struct caller_op caller;
	int64_t now_ms;
	bool is_tick, checkpoint;
};

static void expired(void *ctx, uint32_t article)
{
	stories_remove(engine_of(ctx)->stories, article);
}

/* For the models that have a floor of rare sources. */
static int refresh_sources(struct engine *e)
{
	for (unsigned i = 0; i < CATALOG_MODELS; i++) {
		const struct model *m = atomic_load_explicit(&e->models.model[i], memory_order_relaxed);
		if (m && m->rare_least)
			return catalog_refresh_sources(e->catalog);
	}
	return 0;
}

static void tick_publish(struct write_op *op, void *ctx)
{
	struct tick_op *t = (struct tick_op *)op;
	struct engine *e = engine_of(ctx);
	if (t->is_tick) {
		atomic_store(&e->now_ms, t->now_ms);
		if (catalog_tick(e->catalog, t->now_ms, expired, e) < 0 || refresh_sources(e) < 0)
			return; /* memory is short: the columns stay a minute older */
	}
}

static void tick_done(struct write_op *op, int status, void *ctx)
{
	struct tick_op *t = (struct tick_op *)op;
	struct engine *e = engine_of(ctx);
	bool done = !t->checkpoint;
	while (status == 0 && !done)
		status = engine_checkpoint_step(e, &done);
	engine_update_stats(e);
	/* Closing slates is an operation of its own; the caller hears when that is done. */
	bool closing = status == 0 && t->is_tick &&
	               learning_close_due(e, t->now_ms, t->caller.done, t->caller.done_ctx) == 0;
	if (!closing && t->caller.done)
		t->caller.done(t->caller.done_ctx, status);
	free(t);
}

static int submit_tick(struct engine *e, struct tick_op value)
{
	struct tick_op *t = malloc(sizeof(*t));
	if (!t)
		return -ENOMEM;
	*t = value;
	t->caller.op = (struct write_op){.n_elements = 1, .apply = write_nothing, .publish = tick_publish, .done = tick_done};
	int r = writer_submit(e->writer, &t->caller.op);
	if (r < 0)
		free(t);
	return r;
}

int engine_tick(struct engine *e, int64_t now_ms, engine_done_fn done, void *ctx)
{
	return submit_tick(e, (struct tick_op){.caller = {.done = done, .done_ctx = ctx}, .now_ms = now_ms, .is_tick = true});
}

int engine_flush(struct engine *e, bool checkpoint, engine_done_fn done, void *ctx)
{
	return submit_tick(e, (struct tick_op){.caller = {.done = done, .done_ctx = ctx}, .checkpoint = checkpoint});
}

/* ---- opening and closing ---- */

static int open_store(struct engine *e, struct engine_problem *problem)
{
	int r = store_lock(e->dir, true, &e->lock_fd);
	if (r == 1)
		return engine_problem_say(problem, "%s is in use by another mynews process; stop it or choose another --data", e->dir);
	if (r < 0)
		return engine_problem_say(problem, "cannot use %s as data directory: %s", e->dir, strerror(-r));
	struct store_options options = {.map_bytes = e->config.map_bytes ? e->config.map_bytes : engine_map_bytes(),
	                                .nosync = e->config.nosync, .readers_max = READERS_MAX};
	r = store_open(&e->store, e->dir, &options);
	return r < 0 ? engine_cannot_open(problem, e->dir, r) : 0;
}

static int load_word_vectors(struct engine *e, const char *path, struct engine_problem *problem)
{
	if (!path || !path[0])
		return 0;
	int r = word_vectors_load(&e->word_vectors, e->text, path, problem->text);
	if (r == 0)
		e->word_sum = malloc(word_vectors_width(e->word_vectors) * sizeof(*e->word_sum));
	return r == 0 && !e->word_sum ? -ENOMEM : r;
}
_Static_assert(sizeof(((struct engine_problem *)0)->text) >= TEXT_PROBLEM_BYTES, "a problem fits");

int engine_open(struct engine **out, const struct engine_config *config, int64_t now_ms, struct engine_problem *problem)
{
	struct engine *e = calloc(1, sizeof(*e));
	if (!e)
		return -ENOMEM;
	struct model *models[CATALOG_MODELS] = {0};
	e->lock_fd = -1;
	e->config = *config;
	e->config.models = NULL;
	e->profile_config = profile_config_default;
	e->numbers = (struct numbers){0, 1, 1};
	e->now_ms = e->last_checkpoint_ms = e->last_sweep_ms = now_ms;
	engine_problem_say(problem, "out of memory");
	int r = 0;
	if (snprintf(e->dir, sizeof(e->dir), "%s", config->dir) >= (int)sizeof(e->dir))
		r = -ENAMETOOLONG;
	if (r == 0)
		r = engine_parse_models(config->models, config->n_models, models, problem);
	if (r == 0)
		r = open_store(e, problem);
	if (r == 0)
		r = epoch_new(&e->epoch);
	if (r == 0)
		r = topics_new(&e->topics, e->epoch);
	if (r == 0)
		r = readers_new(&e->readers, e->epoch, &e->profile_config, config->readers_cached);
	if (r == 0)
		r = text_new(&e->text);
	if (r == 0)
		r = load_word_vectors(e, config->vectors, problem);
	if (r == 0)
		r = dense_new(&e->dense);
	if (r == 0)
		r = text_df_new(&e->df);
	if (r == 0)
		r = learner_new(&e->learner, e->epoch);
	if (r == 0)
		r = pending_new(&e->pending, config->learn_pending_bytes);
	if (r == 0)
		r = event_ids_new(&e->ids, config->views_max, now_ms);
	if (r == 0)
		r = counted_new(&e->counted, config->views_max);
	if (r == 0)
		r = monitor_new(&e->monitor);
	struct stories_config stories = {.window_ms = (int64_t)config->story_window_h * 3600000, .story_max = config->story_max};
	if (r == 0)
		r = stories_new(&e->stories, &stories);
	struct catalog_config catalog = {.live_ms = (int64_t)config->live_days * 86400000, .shared = rank_shared,
	                                 .shared_ctx = &e->models};
	if (r == 0)
		r = catalog_new(&e->catalog, e->epoch, &catalog, now_ms);
	for (unsigned i = 0; r == 0 && i < config->n_models; i++) {
		atomic_store(&e->models.model[i], models[i]);
		models[i] = NULL;
		r = catalog_set_model(e->catalog, i, true);
	}
	if (r == 0)
		r = engine_set_learning(e, config->n_models);
	if (r == 0)
		r = engine_recover(e, now_ms, problem);
	struct writer_config writer = {.queue_elements = config->queue_elements, .batch_elements = BATCH_ELEMENTS,
	                               .linger_ms = LINGER_MS,
	                               .hooks = {.ctx = e, .batch_begin = batch_begin, .batch_seal = batch_seal,
	                                         .batch_end = batch_end, .pressed = pressed, .idle = idle,
	                                         .idle_ms = IDLE_MS}};
	if (r == 0) {
		engine_update_stats(e);
		r = writer_new(&e->writer, e->store, &writer);
	}
	if (r == 0) {
		*out = e;
		return 0;
	}
	for (unsigned i = 0; i < CATALOG_MODELS; i++)
		model_free(models[i]);
	engine_close(e);
	return r;
}

static void checkpoint_all(struct engine *e)
{
	bool done = false;
	while (!done && engine_checkpoint_step(e, &done) == 0)
		;
}

static void free_editions(void *list)
{
	arena_free(&((struct edition_list *)list)->arena);
	free(list);
}

void engine_close(struct engine *e)
{
	if (!e)
		return;
	if (e->writer) {
		writer_free(e->writer);
		checkpoint_all(e);
		if (e->round_sequence == 0)
			checkpoint_all(e); /* a round under way had begun before the last writes */
	}
	catalog_free(e->catalog);
	stories_free(e->stories);
	dense_free(e->dense);
	word_vectors_free(e->word_vectors);
	free(e->word_sum);
	readers_free(e->readers);
	topics_free(e->topics);
	text_df_free(e->df);
	pending_free(e->pending);
	event_ids_free(&e->ids);
	behind_free(e->counted);
	monitor_free(e->monitor);
	learner_free(e->learner);
	text_free(e->text);
	for (unsigned i = 0; i < CATALOG_MODELS; i++)
		model_free((struct model *)(uintptr_t)atomic_load(&e->models.model[i]));
	if (atomic_load(&e->editions))
		free_editions(atomic_load(&e->editions));
	struct pin_list *pins = atomic_load(&e->pins);
	if (pins) {
		arena_free(&pins->arena);
		free(pins);
	}
	epoch_free(e->epoch);
	while (e->erasing)
		engine_erase_forget(e);
	arena_free(&e->batch_arena);
	buf_free(&e->record);
	store_close(e->store);
	if (e->lock_fd >= 0)
		close(e->lock_fd);
	free(e);
}

/* ---- workers ---- */

int engine_worker_new(struct engine *e, struct engine_worker **out)
{
	struct engine_worker *w = calloc(1, sizeof(*w));
	if (!w)
		return -ENOMEM;
	w->engine = e;
	w->reader_slot = epoch_register(e->epoch);
	int r = w->reader_slot < 0 ? w->reader_slot : 0;
	w->reader = calloc(1, sizeof(*w->reader));
	w->pool = calloc(LIMIT_FEED_DEPTH, sizeof(*w->pool));
	if (r == 0 && (!w->reader || !w->pool))
		r = -ENOMEM;
	if (r == 0)
		r = text_new(&w->text);
	if (r == 0)
		r = rank_scratch_new(&w->scratch);
	if (r == 0)
		r = store_read_new(e->store, &w->txn);
	if (r < 0) {
		engine_worker_free(w);
		return r;
	}
	w->number = (unsigned)w->reader_slot;
	w->last_feed = atomic_load(&e->last_feed);
	*out = w;
	return 0;
}

void engine_worker_free(struct engine_worker *w)
{
	if (!w)
		return;
	if (w->reader_slot >= 0)
		epoch_unregister(w->engine->epoch, w->reader_slot);
	text_free(w->text);
	rank_scratch_free(w->scratch);
	arena_free(&w->stage_two);
	if (w->txn)
		store_read_free(w->txn);
	free(w->reader);
	free(w->pool);
	free(w);
}

void engine_wake(struct engine_worker *w)
{
	epoch_enter(w->engine->epoch, w->reader_slot);
	w->awake = true;
}

void engine_idle(struct engine_worker *w)
{
	w->awake = false;
	store_read_reset(w->txn);
	epoch_leave(w->engine->epoch, w->reader_slot);
}

void engine_stats(struct engine *e, struct engine_stats *out)
{
	struct writer_stats writer;
	struct store_size store;
	writer_stats(e->writer, &writer);
	store_size(e->store, &store);
	*out = (struct engine_stats){
		.sequence = atomic_load(&e->sequence), .n_articles_live = atomic_load(&e->stat_articles),
		.n_stories_live = atomic_load(&e->stat_stories), .n_segments = atomic_load(&e->stat_segments),
		.n_users = atomic_load(&e->n_users), .n_readers_cached = atomic_load(&e->stat_readers),
		.n_readers_dirty = atomic_load(&e->stat_dirty), .n_topics = atomic_load(&e->stat_topics),
		.catalog_bytes = atomic_load(&e->stat_catalog_bytes), .readers_bytes = atomic_load(&e->stat_readers_bytes),
		.topics_bytes = atomic_load(&e->stat_topics_bytes), .stories_bytes = atomic_load(&e->stat_stories_bytes),
		.store_used_bytes = store.used_bytes, .store_map_bytes = store.map_bytes,
		.queue_elements = writer.queued_elements, .queue_capacity = e->config.queue_elements,
		.n_commits = writer.n_commits, .n_elements = writer.n_elements,
		.last_batch_elements = writer.last_batch_elements, .commit_us_total = writer.commit_us_total,
		.checkpoint_sequence = atomic_load(&e->checkpoint_sequence),
		.n_slates_dropped = atomic_load(&e->n_slates_dropped), .n_feeds = atomic_load(&e->n_feeds),
		.n_commit_failures = writer.n_failures, .last_commit_error = writer.last_error,
		.store_nearly_full = atomic_load(&e->nearly_full),
		.n_learnt = atomic_load(&e->stat_learnt), .n_pending_slates = atomic_load(&e->stat_pending),
		.n_watched_slates = atomic_load(&e->stat_watched),
		.pending_bytes = atomic_load(&e->stat_pending_bytes), .n_pending_dropped = atomic_load(&e->stat_pending_dropped),
		.learner_bytes = atomic_load(&e->stat_learner_bytes), .n_learner_fallbacks = atomic_load(&e->stat_fallbacks)};
	out->n_models = monitor_read(e->monitor, out->models);
}
