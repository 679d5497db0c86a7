/* A writer over a real store whose hooks and operations note everything that happens, in order, and can be held. */
#ifndef MYNEWS_TESTS_STORE_WRITER_FIXTURE_H
#define MYNEWS_TESTS_STORE_WRITER_FIXTURE_H

#include <pthread.h>

#include "engine/store/writer.h"
#include "tests/engine/store/fixture.h"

enum what { BEGIN, APPLY, SEAL, PUBLISH, END, ABANDON, DONE, FAILED, IDLE };

enum { MAX_NOTES = 4096 };

struct scene {
	struct fixture *fixture;
	struct writer *writer;
	pthread_mutex_t lock;
	pthread_cond_t changed;
	struct note {
		enum what what;
		int op; /* -1: a hook */
	} notes[MAX_NOTES];
	size_t n_notes;      /* idle is counted, not noted */
	unsigned n_idle, n_finished;
	bool closed;         /* operations wait at the gate inside apply */
	int n_at_gate;
	int seal_result;
	bool pressed;        /* what the hook says */
};

/* One record, TABLE_META: key op number -> the number of the apply, so that the order on disk is known. */
struct test_op {
	struct write_op op; /* first */
	struct scene *scene;
	int number;
	int apply_result; /* returned in place of 0, after the record was put */
	size_t value_bytes;
	void (*in_apply)(struct scene *s);
	int status; /* what done was told; 1 before */
};

/* A scene on a store of map_bytes, synced or not. */
void scene_start(struct scene *s, size_t map_bytes, bool nosync, unsigned queue_elements, unsigned batch_elements,
                 unsigned idle_ms);
/* The same, unsynced, with room and no idle time to speak of; patient operations are held back. */
void scene_start_lingering(struct scene *s, unsigned batch_elements, unsigned linger_ms);
void scene_stop(struct scene *s); /* writer_free, when it still runs, and everything else */
void test_op_init(struct test_op *op, struct scene *s, int number, unsigned n_elements);

void scene_close_gate(struct scene *s);
void scene_open_gate(struct scene *s);
void scene_wait_at_gate(struct scene *s, int n_operations); /* that many have ever arrived */
void scene_wait_finished(struct scene *s, unsigned n);
/* The notes as text: b<0 a0 a1 s p0 p1 e d0 d1 and so on, for comparing with an expected line. */
const char *scene_text(struct scene *s);
/* Is the record of that operation in the store? */
bool scene_stored(struct scene *s, int number);

#endif
