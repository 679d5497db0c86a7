#include "engine/base/arena.h"

#include <errno.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

/* Chunks form a list, newest first. An allocation larger than a chunk gets one of its own size. */
enum { CHUNK_BYTES = 16 * 1024 - 64 };

struct arena_chunk {
	struct arena_chunk *next;
	size_t size_bytes;
	_Alignas(16) unsigned char data[];
};

static struct arena_chunk *add_chunk(struct arena *a, size_t size_bytes)
{
	struct arena_chunk *chunk = malloc(sizeof(*chunk) + size_bytes);
	if (!chunk)
		return NULL;
	chunk->size_bytes = size_bytes;
	chunk->next = a->head;
	a->head = chunk;
	a->used_bytes = 0;
	return chunk;
}

int arena_reserve(struct arena *a, size_t n_bytes)
{
	if (n_bytes > SIZE_MAX / 2)
		return -ENOMEM;
	if (a->head && a->head->size_bytes - a->used_bytes >= n_bytes)
		return 0;
	return add_chunk(a, (n_bytes + 15) & ~(size_t)15) ? 0 : -ENOMEM;
}

void *arena_alloc(struct arena *a, size_t n_bytes)
{
	if (n_bytes > SIZE_MAX / 2)
		return NULL;
	size_t need = (n_bytes + 15) & ~(size_t)15;
	if (need == 0)
		need = 16;
	if ((!a->head || a->head->size_bytes - a->used_bytes < need) &&
	    !add_chunk(a, need > CHUNK_BYTES ? need : CHUNK_BYTES))
		return NULL;
	void *p = a->head->data + a->used_bytes;
	a->used_bytes += need;
	a->total_bytes += need;
	return p;
}

void *arena_calloc(struct arena *a, size_t n, size_t size_bytes)
{
	size_t total;
	if (__builtin_mul_overflow(n, size_bytes, &total))
		return NULL;
	void *p = arena_alloc(a, total);
	if (p)
		memset(p, 0, total);
	return p;
}

struct span arena_copy(struct arena *a, struct span s)
{
	char *p = arena_alloc(a, s.len + 1);
	if (!p)
		return (struct span){NULL, 0};
	if (s.len)
		memcpy(p, s.data, s.len);
	p[s.len] = '\0';
	return (struct span){p, s.len};
}

struct span arena_printf(struct arena *a, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	int len = vsnprintf(NULL, 0, format, args);
	va_end(args);
	char *p = len < 0 ? NULL : arena_alloc(a, (size_t)len + 1);
	if (!p)
		return (struct span){NULL, 0};
	va_start(args, format);
	vsnprintf(p, (size_t)len + 1, format, args);
	va_end(args);
	return (struct span){p, (size_t)len};
}

static void free_chunks(struct arena_chunk *chunk)
{
	while (chunk) {
		struct arena_chunk *next = chunk->next;
		free(chunk);
		chunk = next;
	}
}

void arena_reset(struct arena *a)
{
	if (a->head) {
		free_chunks(a->head->next);
		a->head->next = NULL;
		if (a->head->size_bytes > CHUNK_BYTES) {
			free(a->head);
			a->head = NULL;
		}
	}
	a->used_bytes = 0;
	a->total_bytes = 0;
}

void arena_rewind(struct arena *a)
{
	size_t n_bytes = a->total_bytes;
	if (a->head && a->head->next) {
		arena_free(a);
		if (arena_reserve(a, n_bytes) < 0)
			return; /* chunks come as they are asked for */
	}
	a->used_bytes = 0;
	a->total_bytes = 0;
}

void arena_free(struct arena *a)
{
	free_chunks(a->head);
	*a = (struct arena){0};
}
