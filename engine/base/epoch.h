/* Quiescent-state reclamation: one writer replaces published objects, many readers look at them without locks.
 *
 * A reader thread owns a slot. Between epoch_enter and epoch_leave (or between two epoch_pass calls) every published
 * pointer it loaded stays valid. The writer unlinks an object, retires it, and it is freed once each reader that was
 * inside has passed or left. See McKenney and Slingwine 1998 (QSBR). */
#ifndef MYNEWS_BASE_EPOCH_H
#define MYNEWS_BASE_EPOCH_H

#include <stddef.h>

enum { EPOCH_MAX_READERS = 128 };

struct epoch;

/* Returns 0 or -ENOMEM. */
int epoch_new(struct epoch **out) __attribute__((warn_unused_result));
/* Frees everything retired; no reader may be inside. NULL is safe. */
void epoch_free(struct epoch *e);

/* Takes a reader slot. Returns its number, or -EAGAIN when all EPOCH_MAX_READERS are taken. Any thread. */
int epoch_register(struct epoch *e) __attribute__((warn_unused_result));
void epoch_unregister(struct epoch *e, int reader);
/* From here on published pointers may be loaded; also the way to say "I hold none of the old ones" while inside. */
void epoch_enter(struct epoch *e, int reader);
static inline void epoch_pass(struct epoch *e, int reader)
{
	epoch_enter(e, reader);
}
/* No published pointer is held any more; the reader may block for as long as it likes. */
void epoch_leave(struct epoch *e, int reader);

/* Writer only: `object` has been unlinked; free_fn(object) runs when no reader can hold it. When memory for the list
 * is out, waits for the readers instead of leaking. */
void epoch_retire(struct epoch *e, void *object, void (*free_fn)(void *object));
/* Writer only: frees what can be freed. Returns how many objects still wait. */
size_t epoch_reclaim(struct epoch *e);

#endif
