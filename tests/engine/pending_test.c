/* Slates that wait: what of a slate counts, whose events are noted, in what order slates leave, and how much they take. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "engine/base/rng.h"
#include "engine/pending.h"
#include "tests/engine/learn/zeros.h"

enum { COLUMNS = 3, FIRST_ARTICLE = 100 };

/* ---- what counts ---- */

/* A slot's events: i impression, c click, r read, s save, d dislike, h hide, x of the application's own; "-" none. */
static uint16_t events_of(const char *letters)
{
	uint16_t events = 0;
	for (; *letters; letters++) {
		switch (*letters) {
		case 'i': events |= 1u << EVENT_IMPRESSION; break;
		case 'c': events |= 1u << EVENT_CLICK; break;
		case 'r': events |= 1u << EVENT_READ; break;
		case 's': events |= 1u << EVENT_SAVE; break;
		case 'd': events |= 1u << EVENT_DISLIKE; break;
		case 'h': events |= 1u << EVENT_HIDE; break;
		case 'x': events |= 1u << EVENT_CUSTOM; break;
		default: break;
		}
	}
	return events;
}

static const struct {
	const char *slots[6];  /* from the top; NULL ends */
	const char *counted;   /* their numbers, "" nothing */
} rule[] = {
	{{"-", "-", "-"}, ""},                     /* neither seen nor opened */
	{{"i", "i", "i"}, ""},                     /* seen, nothing opened */
	{{"-", "-", "c", "-", "-"}, "012"},        /* no impressions: what stands at or above the last click */
	{{"c", "-", "c", "-"}, "012"},
	{{"c", "-", "-"}, ""},                     /* the top was opened: there was nothing to choose from */
	{{"-", "c", "-"}, "01"},
	{{"i", "ic", "-", "i"}, "013"},            /* impressions: what was seen */
	{{"ic", "i", "i", "-"}, "012"},            /* also below the click */
	{{"i", "-", "c", "-"}, "02"},              /* opened, so seen */
	{{"ic", "-", "-"}, ""},
	{{"-", "-", "r"}, "012"},                  /* every way to choose is one */
	{{"-", "s", "-"}, "01"},
	{{"-", "-", "h"}, ""},                     /* to turn away is none */
	{{"-", "-", "d"}, ""},
	{{"i", "ih", "i"}, ""},
	{{"i", "ih", "ic"}, "012"},                /* but counts beside one */
	{{"-", "c", "h"}, "01"},
	{{"x", "x", "x"}, ""},                     /* an application's own */
	{{"-", "c", "x"}, "01"},
	{{"i", "x", "ic"}, "012"},
	{{"c", "c"}, "01"},
	{{"c"}, ""},
};

static void test_what_counts(void **state)
{
	for (size_t k = 0; k < sizeof(rule) / sizeof(rule[0]); k++) {
		struct arena arena = {0};
		uint16_t which[EXAMPLE_SLOTS_MAX];
		char text[8] = "";
		size_t n = 0;
		while (n < 6 && rule[k].slots[n])
			n++;
		struct example *e = example_of_zeros(&arena, n, COLUMNS);
		assert_non_null(e);
		for (size_t i = 0; i < n; i++)
			e->slots[i].events = events_of(rule[k].slots[i]);
		size_t n_counted = pending_counted(e, which);
		for (size_t i = 0; i < n_counted; i++)
			text[i] = (char)('0' + which[i]);
		if (strcmp(text, rule[k].counted) != 0)
			fail_msg("row %zu counts \"%s\", not \"%s\"", k, text, rule[k].counted);
		arena_free(&arena);
	}
}

/* ---- slates ---- */

/* Of articles FIRST_ARTICLE on, n of them. */
static struct pending_slate *slate_of(uint64_t feed, uint64_t user, uint16_t page, size_t n, int64_t due_ms)
{
	struct arena arena = {0};
	struct example *e = example_of_zeros(&arena, n + 1, COLUMNS);
	uint16_t *which = calloc(n + 1, sizeof(*which));
	uint8_t *positions = calloc(n + 1, 1);
	assert_true(e && which && positions);
	e->user = user;
	e->at_ms = 77;
	e->top_section = 5;
	e->n_listed = (uint16_t)(n + 1);
	e->n_recent = 1;
	e->recent[0] = 9;
	for (size_t i = 0; i <= n; i++) {
		e->slots[i].article = FIRST_ARTICLE + (uint32_t)i;
		e->slots[i].events = 2; /* of the measurement: none of the slate's */
		for (size_t c = 0; c < COLUMNS; c++)
			e->columns[i * COLUMNS + c] = (float)(i * 10 + c);
	}
	for (size_t c = 0; c < COLUMNS; c++) {
		e->mean[c] = (float)c;
		e->deviation[c] = (float)c + 0.5f;
	}
	for (size_t i = 0; i < n; i++) { /* backwards, and without the first */
		which[i] = (uint16_t)(n - i);
		positions[i] = (uint8_t)(i + 1);
	}
	struct pending_slate *s = pending_slate_new(e, which, positions, n, feed, page, due_ms);
	assert_non_null(s);
	free(which);
	free(positions);
	arena_free(&arena); /* the slate has its own memory */
	return s;
}

static void test_a_slate_is_a_copy(void **state)
{
	struct pending_slate *s = slate_of(3, 8, 2, 4, 1000);
	const struct example *e = s->example;
	assert_true(e->feed == 3 && e->user == 8 && e->page == 2 && s->due_ms == 1000);
	assert_true(e->n == 4 && e->n_columns == COLUMNS && e->at_ms == 77 && e->top_section == 5 && e->n_listed == 5);
	assert_true(e->n_recent == 1 && e->recent[0] == 9);
	for (size_t i = 0; i < 4; i++) {
		assert_int_equal(e->slots[i].article, FIRST_ARTICLE + 4 - i);
		assert_int_equal(e->slots[i].position, i + 1);
		assert_int_equal(e->slots[i].events, 0);
		for (size_t c = 0; c < COLUMNS; c++)
			assert_true(e->columns[i * COLUMNS + c] == (float)((4 - i) * 10 + c));
	}
	for (size_t c = 0; c < COLUMNS; c++)
		assert_true(e->mean[c] == (float)c && e->deviation[c] == (float)c + 0.5f);
	pending_slate_free(s);
	s = slate_of(3, 8, 2, EXAMPLE_SLOTS_MAX, 0);
	assert_int_equal(s->example->n, EXAMPLE_SLOTS_MAX);
	assert_ptr_equal((char *)(s->times + s->example->n * N_EVENT_TYPES), (char *)s + s->bytes); /* all that it takes */
	pending_slate_free(s);
	s = slate_of(3, 8, 2, EXAMPLE_SLOTS_MAX + 7, 0); /* what stands below is left out */
	assert_int_equal(s->example->n, EXAMPLE_SLOTS_MAX);
	assert_int_equal(s->example->slots[EXAMPLE_SLOTS_MAX - 1].article, FIRST_ARTICLE + 8);
	pending_slate_free(s);
	pending_slate_free(NULL);
}

static struct pending *new_pending(size_t max_bytes)
{
	struct pending *p;
	assert_int_equal(pending_new(&p, max_bytes), 0);
	return p;
}

static void test_whose_events(void **state)
{
	struct pending *p = new_pending(1 << 20);
	struct pending_slate *known = slate_of(1, 8, 0, 3, 10), *nobodys = slate_of(2, 0, 0, 3, 20),
	                     *second = slate_of(1, 8, 1, 1, 30); /* a later page has only the first article of the three */
	pending_add_take(p, known);
	pending_add_take(p, nobodys);
	pending_add_take(p, second);
	pending_note(p, 1, 8, 0, FIRST_ARTICLE + 3, EVENT_CLICK, false);
	assert_int_equal(known->example->slots[0].events, 1u << EVENT_CLICK);
	pending_note(p, 1, 9, 0, FIRST_ARTICLE + 2, EVENT_CLICK, false); /* another reader */
	assert_int_equal(known->example->slots[1].events, 0);
	pending_note(p, 1, 8, 0, FIRST_ARTICLE + 9, EVENT_CLICK, false); /* another article */
	pending_note(p, 5, 8, 0, FIRST_ARTICLE + 3, EVENT_CLICK, false); /* another feed */
	pending_note(p, 1, 8, 0, FIRST_ARTICLE + 1, EVENT_SAVE, false);  /* on the newest page that has it */
	assert_int_equal(second->example->slots[0].events, 1u << EVENT_SAVE);
	assert_int_equal(known->example->slots[2].events, 0);
	/* Nobody's becomes the first reader's who acts on it, and stays it. */
	pending_note(p, 2, 4, 0, FIRST_ARTICLE + 50, EVENT_CLICK, false);
	assert_int_equal(nobodys->example->user, 0);
	pending_note(p, 2, 4, 0, FIRST_ARTICLE + 1, EVENT_IMPRESSION, false);
	assert_int_equal(nobodys->example->user, 4);
	pending_note(p, 2, 8, 0, FIRST_ARTICLE + 2, EVENT_CLICK, false);
	assert_int_equal(nobodys->example->slots[1].events, 0);
	/* A reader's of whom nothing was known: nobody else can claim it first. */
	struct pending_slate *unknown = slate_of(3, 0, 0, 3, 40);
	unknown->reader = 77;
	pending_add_take(p, unknown);
	pending_note(p, 3, 9, 78, FIRST_ARTICLE + 1, EVENT_IMPRESSION, false);
	assert_int_equal(unknown->example->user, 0);
	pending_note(p, 3, 5, 77, FIRST_ARTICLE + 1, EVENT_IMPRESSION, false);
	assert_int_equal(unknown->example->user, 5);
	pending_note(p, 3, 9, 78, FIRST_ARTICLE + 2, EVENT_CLICK, false);
	pending_note(p, 3, 5, 0, FIRST_ARTICLE + 1, EVENT_IMPRESSION, true); /* an undo knows its reader by number */
	assert_int_equal(unknown->example->slots[0].events, 0);
	assert_int_equal(unknown->example->slots[1].events, 0);
	pending_free(p);
	pending_free(NULL);
}

static void test_taken_back(void **state)
{
	struct pending *p = new_pending(1 << 20);
	struct pending_slate *s = slate_of(1, 8, 0, 2, 10);
	const uint16_t *events = &s->example->slots[0].events;
	const uint32_t article = FIRST_ARTICLE + 2;
	pending_add_take(p, s);
	pending_note(p, 1, 8, 0, article, EVENT_CLICK, true); /* what never came */
	assert_int_equal(*events, 0);
	pending_note(p, 1, 8, 0, article, EVENT_CLICK, false);
	pending_note(p, 1, 8, 0, article, EVENT_LIKE, false);
	pending_note(p, 1, 8, 0, article, EVENT_CLICK, false);
	pending_note(p, 1, 8, 0, article, EVENT_CLICK, true); /* one of two */
	assert_int_equal(*events, 1u << EVENT_CLICK | 1u << EVENT_LIKE);
	pending_note(p, 1, 8, 0, article, EVENT_CLICK, true);
	assert_int_equal(*events, 1u << EVENT_LIKE);
	for (int i = 0; i < 300; i++) /* more than are counted: the last stay */
		pending_note(p, 1, 8, 0, article, EVENT_CUSTOM, false);
	assert_int_equal(*events, 1u << EVENT_LIKE | 1u << EVENT_CUSTOM);
	assert_int_equal(s->example->slots[1].events, 0);
	pending_free(p);
}

/* 1, 1, 2/3, 2/4, ... of a reader's slates in a day, and nothing after the 24th; another day begins anew. */
static void test_lessons_of_one_reader(void **state)
{
	const int64_t day_ms = 86400000, noon_ms = 20000 * day_ms + day_ms / 2;
	struct pending *p = new_pending(1 << 20);
	for (int day = 0; day < 2; day++) {
		const int64_t now_ms = noon_ms + day * day_ms;
		for (unsigned k = 1; k <= 30; k++) {
			float expected = k <= 2 ? 1 : k <= 24 ? 2 / (float)k : 0;
			assert_true(pending_weight(p, 7, now_ms + k) == expected);
			assert_true(pending_weight(p, 100 + k, now_ms) == 1); /* others are others */
		}
	}
	assert_true(pending_weight(p, 7, noon_ms + day_ms + day_ms / 2 - 1) == 0); /* to the day's last millisecond */
	assert_true(pending_weight(p, 7, noon_ms + day_ms + day_ms / 2) == 1);
	pending_free(p);
}

static void test_order_and_time(void **state)
{
	struct pending *p = new_pending(1 << 20);
	assert_null(pending_due(p, INT64_MAX));
	assert_null(pending_pop(p));
	for (uint64_t i = 1; i <= 3; i++)
		pending_add_take(p, slate_of(i, 8, 0, 2, (int64_t)i * 1000));
	assert_null(pending_due(p, 999));
	assert_int_equal(pending_due(p, 1000)->example->feed, 1);
	assert_int_equal(pending_due(p, 1000)->example->feed, 1); /* it stays */
	for (uint64_t i = 1; i <= 3; i++) {
		struct pending_slate *s = pending_pop(p);
		assert_int_equal(s->example->feed, i);
		pending_slate_free(s);
		pending_note(p, i, 8, 0, FIRST_ARTICLE + 1, EVENT_CLICK, false); /* too late, and no harm done */
	}
	assert_null(pending_pop(p));
	pending_add_take(p, slate_of(9, 8, 0, 2, 1)); /* an emptied list takes more */
	assert_int_equal(pending_due(p, 1)->example->feed, 9);
	/* One that waits long keeps none behind it waiting; one page of a feed may leave before another. */
	pending_slate_free(pending_pop(p));
	pending_add_take(p, slate_of(10, 8, 0, 2, 600000));
	pending_add_take(p, slate_of(11, 8, 0, 2, 1000));
	pending_add_take(p, slate_of(10, 8, 1, 1, 2000));
	assert_int_equal(pending_due(p, 1000)->example->feed, 11);
	pending_slate_free(pending_pop(p));
	struct pending_slate *page = pending_pop(p);
	assert_true(page->example->feed == 10 && page->example->page == 1);
	pending_slate_free(page);
	assert_null(pending_due(p, 599999));
	pending_note(p, 10, 8, 0, FIRST_ARTICLE + 1, EVENT_CLICK, false);
	assert_int_equal(pending_due(p, 600000)->example->slots[1].events, 1u << EVENT_CLICK);
	pending_free(p);
}

static void test_memory(void **state)
{
	struct pending_slate *s = slate_of(1, 8, 0, 10, 0);
	const size_t one = s->bytes;
	struct pending *p = new_pending(5 * one + one / 2);
	struct pending_totals totals;
	pending_add_take(p, s);
	for (uint64_t i = 2; i <= 100; i++) {
		pending_add_take(p, slate_of(i, 8, 0, 10, 0));
		pending_totals(p, &totals);
		assert_int_equal(totals.n, i < 5 ? i : 5);
		assert_int_equal(totals.bytes, totals.n * one);
		assert_int_equal(totals.n_dropped, i < 5 ? 0 : i - 5);
	}
	assert_int_equal(pending_due(p, 0)->example->feed, 96); /* of those due at once the first to come went */
	struct pending_slate *large = slate_of(200, 8, 0, 40, 0);
	const size_t large_bytes = large->bytes;
	assert_true(large_bytes > 2 * one);
	pending_add_take(p, large);
	pending_totals(p, &totals);
	assert_true(totals.bytes <= 5 * one + one / 2);
	assert_int_equal(pending_due(p, 0)->example->feed, totals.n == 1 ? 200 : 101 - (totals.n - 1));
	pending_free(p);
	/* What is larger than all there may be is not kept at all. */
	p = new_pending(one - 1);
	pending_add_take(p, slate_of(1, 8, 0, 10, 0));
	pending_totals(p, &totals);
	assert_true(totals.n == 0 && totals.bytes == 0 && totals.n_dropped == 1);
	assert_null(pending_due(p, 0));
	pending_note(p, 1, 8, 0, FIRST_ARTICLE + 1, EVENT_CLICK, false);
	pending_free(p);
}

static struct pending_slate *bare_slate(uint64_t feed)
{
	struct arena arena = {0};
	const uint16_t which[] = {0, 1};
	const uint8_t positions[] = {1, 2};
	struct example *e = example_of_zeros(&arena, 2, 0);
	e->user = 8;
	e->slots[0].article = FIRST_ARTICLE;
	e->slots[1].article = FIRST_ARTICLE + 1;
	struct pending_slate *s = pending_slate_new(e, which, positions, 2, feed, 0, 5);
	assert_non_null(s);
	arena_free(&arena);
	return s;
}

/* What is watched alone takes half of the memory at most, and makes way for what teaches. */
static void test_watched_alone(void **state)
{
	struct pending_slate *s = bare_slate(1);
	const size_t one = s->bytes;
	struct pending *p = new_pending(8 * one);
	struct pending_totals totals;
	pending_add_take(p, s);
	pending_note(p, 1, 8, 0, FIRST_ARTICLE + 1, EVENT_CLICK, false);
	assert_int_equal(s->example->slots[1].events, 1u << EVENT_CLICK);
	for (uint64_t i = 2; i <= 9; i++) {
		pending_add_take(p, bare_slate(i));
		pending_totals(p, &totals);
		assert_true(totals.n == 0 && totals.n_bare == (i < 4 ? i : 4) && totals.n_dropped == 0);
	}
	size_t n_added = 0;
	for (uint64_t i = 10; totals.n_dropped == 0; i++, n_added++) {
		pending_add_take(p, slate_of(i, 8, 0, 2, 10));
		pending_totals(p, &totals);
		assert_true(totals.bytes <= 8 * one && totals.n == n_added + 1);
	}
	assert_true(n_added > 2 && totals.n_bare < 4);
	pending_free(p);
}

/* ---- beside a plain list ---- */

enum { FEEDS = 12, READERS = 3, STEPS = 20000, MOST = 40 };

struct plain {
	uint64_t feed, user;
	uint16_t events[4];
	int64_t due_ms;
	const struct pending_slate *slate;
};

/* Which is due first, of equals the first to come. */
static size_t plain_first(const struct plain *list, size_t n)
{
	size_t first = 0;
	for (size_t i = 1; i < n; i++)
		first = list[i].due_ms < list[first].due_ms ? i : first;
	return first;
}

static size_t plain_remove(struct plain *list, size_t n, size_t at)
{
	memmove(list + at, list + at + 1, (n - at - 1) * sizeof(*list));
	return n - 1;
}

static void plain_note(struct plain *list, size_t n, uint64_t feed, uint64_t user, uint32_t article, enum event_type type)
{
	for (size_t i = n; i-- > 0;) { /* the newest page first */
		struct plain *s = &list[i];
		if (s->feed != feed || (s->user && s->user != user) || article < FIRST_ARTICLE + 1 || article > FIRST_ARTICLE + 4)
			continue;
		s->user = user;
		s->events[FIRST_ARTICLE + 4 - article] |= (uint16_t)(1u << type);
		return;
	}
}

static void test_beside_a_plain_list(void **state)
{
	struct plain list[MOST + 1];
	size_t n = 0, most = 0;
	struct rng rng;
	struct pending_slate *probe = slate_of(1, 0, 0, 4, 0);
	struct pending *p = new_pending(MOST * probe->bytes);
	pending_slate_free(probe);
	rng_seed(&rng, 20261124);
	for (int step = 0; step < STEPS; step++) {
		uint64_t feed = 1 + rng_below(&rng, FEEDS), user = 1 + rng_below(&rng, READERS), what = rng_below(&rng, 10);
		if (what < 3) {
			uint64_t owner = rng_below(&rng, 2) ? user : 0;
			const int64_t due_ms = (int64_t)rng_below(&rng, 8);
			struct pending_slate *s = slate_of(feed, owner, (uint16_t)step, 4, due_ms);
			pending_add_take(p, s);
			if (n == MOST)
				n = plain_remove(list, n, plain_first(list, n));
			list[n++] = (struct plain){.feed = feed, .user = owner, .due_ms = due_ms, .slate = s};
		} else if (what < 5 && n > 0) {
			struct pending_slate *s = pending_pop(p);
			const size_t first = plain_first(list, n);
			assert_ptr_equal(s, list[first].slate);
			pending_slate_free(s);
			n = plain_remove(list, n, first);
		} else if (what < 5) {
			assert_null(pending_pop(p));
		} else {
			uint32_t article = FIRST_ARTICLE + (uint32_t)rng_below(&rng, 7);
			enum event_type type = (enum event_type)rng_below(&rng, N_EVENT_TYPES);
			pending_note(p, feed, user, 0, article, type, false);
			plain_note(list, n, feed, user, article, type);
		}
		most = n > most ? n : most;
		struct pending_totals totals;
		pending_totals(p, &totals);
		assert_int_equal(totals.n, n);
		for (size_t i = 0; i < n; i++) {
			assert_true(list[i].slate->example->user == list[i].user);
			for (size_t k = 0; k < 4; k++)
				assert_int_equal(list[i].slate->example->slots[k].events, list[i].events[k]);
		}
	}
	assert_int_equal(most, MOST); /* or memory never ran short */
	pending_free(p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_what_counts),   cmocka_unit_test(test_a_slate_is_a_copy), cmocka_unit_test(test_whose_events),
		cmocka_unit_test(test_taken_back),    cmocka_unit_test(test_order_and_time),
		cmocka_unit_test(test_lessons_of_one_reader),    cmocka_unit_test(test_memory), cmocka_unit_test(test_watched_alone),
		cmocka_unit_test(test_beside_a_plain_list),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
