#include "tests/engine/store/writer_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "engine/store/codec.h"

static void note(struct scene *s, enum what what, int op)
{
	pthread_mutex_lock(&s->lock);
	if (s->n_notes < MAX_NOTES)
		s->notes[s->n_notes++] = (struct note){what, op};
	s->n_finished += what == DONE || what == FAILED;
	pthread_cond_broadcast(&s->changed);
	pthread_mutex_unlock(&s->lock);
}

static void batch_begin(void *ctx)
{
	note(ctx, BEGIN, -1);
}

static int batch_seal(struct store_txn *t, void *ctx)
{
	struct scene *s = ctx;
	note(s, SEAL, -1);
	if (store_put(t, TABLE_META, SPAN("sealed"), SPAN("yes")) < 0)
		return -5;
	return s->seal_result;
}

static void batch_end(void *ctx, bool committed)
{
	note(ctx, committed ? END : ABANDON, -1);
}

static void idle(void *ctx)
{
	struct scene *s = ctx;
	pthread_mutex_lock(&s->lock);
	s->n_idle++;
	pthread_cond_broadcast(&s->changed);
	pthread_mutex_unlock(&s->lock);
}

static bool pressed(void *ctx)
{
	struct scene *s = ctx;
	pthread_mutex_lock(&s->lock);
	bool is_pressed = s->pressed;
	pthread_mutex_unlock(&s->lock);
	return is_pressed;
}

static int apply(struct write_op *op, struct store_txn *t, void *ctx)
{
	struct test_op *o = (struct test_op *)op;
	struct scene *s = o->scene;
	uint8_t key[4];
	static const char zeros[1 << 20];
	note(s, APPLY, o->number);
	pthread_mutex_lock(&s->lock);
	s->n_at_gate++;
	pthread_cond_broadcast(&s->changed);
	while (s->closed)
		pthread_cond_wait(&s->changed, &s->lock);
	pthread_mutex_unlock(&s->lock);
	if (o->in_apply)
		o->in_apply(s);
	int r = store_put(t, TABLE_META, key_u32(key, (uint32_t)o->number), (struct span){zeros, o->value_bytes});
	return r < 0 ? r : o->apply_result;
}

static void publish(struct write_op *op, void *ctx)
{
	struct test_op *o = (struct test_op *)op;
	note(o->scene, PUBLISH, o->number);
}

static void done(struct write_op *op, int status, void *ctx)
{
	struct test_op *o = (struct test_op *)op;
	o->status = status;
	note(o->scene, status == 0 ? DONE : FAILED, o->number);
}

static void scene_begin(struct scene *s, size_t map_bytes, bool nosync, struct writer_config config, unsigned idle_ms)
{
	*s = (struct scene){.fixture = calloc(1, sizeof(struct fixture))};
	const struct store_options options = {.map_bytes = map_bytes, .nosync = nosync, .readers_max = 8};
	directory_make(&s->fixture->dir);
	assert_int_equal(store_open(&s->fixture->store, s->fixture->dir.path, &options), 0);
	pthread_mutex_init(&s->lock, NULL);
	pthread_cond_init(&s->changed, NULL);
	config.hooks = (struct writer_hooks){s, batch_begin, batch_seal, batch_end, idle, idle_ms, pressed};
	assert_int_equal(writer_new(&s->writer, s->fixture->store, &config), 0);
}

void scene_start(struct scene *s, size_t map_bytes, bool nosync, unsigned queue_elements, unsigned batch_elements,
                 unsigned idle_ms)
{
	const struct writer_config config = {.queue_elements = queue_elements, .batch_elements = batch_elements};
	scene_begin(s, map_bytes, nosync, config, idle_ms);
}

void scene_start_lingering(struct scene *s, unsigned batch_elements, unsigned linger_ms)
{
	const struct writer_config config = {.queue_elements = 1000, .batch_elements = batch_elements,
	                                     .linger_ms = linger_ms};
	scene_begin(s, 16 << 20, true, config, 600000);
}

void scene_stop(struct scene *s)
{
	writer_free(s->writer);
	store_close(s->fixture->store);
	directory_remove(&s->fixture->dir);
	free(s->fixture);
	pthread_cond_destroy(&s->changed);
	pthread_mutex_destroy(&s->lock);
}

void test_op_init(struct test_op *op, struct scene *s, int number, unsigned n_elements)
{
	*op = (struct test_op){.op = {NULL, n_elements, apply, publish, done, false}, .scene = s, .number = number,
	                       .value_bytes = 10, .status = 1};
}

void scene_close_gate(struct scene *s)
{
	pthread_mutex_lock(&s->lock);
	s->closed = true;
	pthread_mutex_unlock(&s->lock);
}

void scene_open_gate(struct scene *s)
{
	pthread_mutex_lock(&s->lock);
	s->closed = false;
	pthread_cond_broadcast(&s->changed);
	pthread_mutex_unlock(&s->lock);
}

void scene_wait_at_gate(struct scene *s, int n_operations)
{
	pthread_mutex_lock(&s->lock);
	while (s->n_at_gate < n_operations)
		pthread_cond_wait(&s->changed, &s->lock);
	pthread_mutex_unlock(&s->lock);
}

void scene_wait_finished(struct scene *s, unsigned n)
{
	pthread_mutex_lock(&s->lock);
	while (s->n_finished < n)
		pthread_cond_wait(&s->changed, &s->lock);
	pthread_mutex_unlock(&s->lock);
}

const char *scene_text(struct scene *s)
{
	static const char letters[] = "baspexdf";
	static char text[8 * MAX_NOTES];
	size_t n = 0;
	text[0] = '\0';
	pthread_mutex_lock(&s->lock);
	for (size_t i = 0; i < s->n_notes; i++) {
		const struct note *e = &s->notes[i];
		n += (size_t)(e->op < 0 ? snprintf(text + n, sizeof(text) - n, "%s%c", i ? " " : "", letters[e->what])
		                        : snprintf(text + n, sizeof(text) - n, "%s%c%d", i ? " " : "", letters[e->what], e->op));
	}
	pthread_mutex_unlock(&s->lock);
	return text;
}

bool scene_stored(struct scene *s, int number)
{
	struct store_txn *t = reader(s->fixture->store);
	struct span value;
	uint8_t key[4];
	int r = store_get(t, TABLE_META, key_u32(key, (uint32_t)number), &value);
	assert_in_range(r, 0, 1);
	store_read_free(t);
	return r == 0;
}
