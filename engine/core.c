/* What the engine's operations have in common: how they are submitted and end, and what they say when they fail. */
#include "engine/core.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

int engine_problem_say(struct engine_problem *problem, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	vsnprintf(problem->text, sizeof(problem->text), format, args);
	va_end(args);
	return 1;
}

int engine_cannot_open(struct engine_problem *problem, const char *dir, int error)
{
	if (error == -EINVAL)
		return engine_problem_say(problem, "%s/data.mdb is cut off or damaged, or is no mynews store; restore a backup", dir);
	if (error == -ENOENT)
		return engine_problem_say(problem, "there is no store in %s", dir);
	return engine_problem_say(problem, "cannot open the store in %s: %s", dir, strerror(-error));
}

int engine_submit_growth(struct engine *e, struct write_op *op)
{
	return atomic_load_explicit(&e->nearly_full, memory_order_relaxed) ? -ENOSPC : writer_submit(e->writer, op);
}

void caller_op_done(struct write_op *op, int status, void *ctx)
{
	struct caller_op *c = (struct caller_op *)op;
	if (c->done)
		c->done(c->done_ctx, status);
}

int engine_numbers_put(struct engine *e, struct store_txn *txn)
{
	uint8_t bytes[20];
	memcpy(bytes, &e->numbers.sequence, 8);
	memcpy(bytes + 8, &e->numbers.next_user, 8);
	memcpy(bytes + 16, &e->numbers.next_article, 4);
	return store_put(txn, TABLE_META, SPAN(META_KEY_NUMBERS), (struct span){(const char *)bytes, sizeof(bytes)});
}

void engine_views_end(struct engine *e, bool committed)
{
	void (*end)(struct behind *b) = committed ? behind_commit : behind_abandon;
	end(e->ids.behind);
	end(e->counted);
}
