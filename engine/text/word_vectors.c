/* Word vectors out of a text file, as bytes with a scale for each word: a third of a gigabyte of text becomes a tenth. Words
 * are found by a hash of their folded form; the form itself is not kept. */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "engine/base/hash.h"
#include "engine/text/text_internal.h"

enum { LINE_BYTES = 128 * 1024, ROWS_AT_FIRST = 4096 };

/* Arora, Liang and Ma 2017 give words weight a / (a + p). How often a word comes up is not in the file, but its place is:
 * files list words by frequency, which by Zipf's law is 1 / (place (ln n + gamma)). */
static const double sif_a = 1e-3, euler_gamma = 0.5772156649;

struct word_vectors {
	size_t width, n, capacity;
	int8_t *rows;    /* [n][width] */
	float *scales;   /* [n] times the word's weight */
	uint64_t *keys;  /* [mask + 1] of a word; 0: free */
	uint32_t *index; /* [mask + 1] its row */
	size_t mask;
};

struct loading {
	struct word_vectors *vectors;
	struct text *text;
	const char *path;
	size_t n_lines;
	size_t n_words, n_told; /* lines with a word; how many of them the head tells of, 0: there is no head */
	char *problem; /* [TEXT_PROBLEM_BYTES] */
	float numbers[LIMIT_EMBEDDING];
	char line[LINE_BYTES];
};

static int refuse(struct loading *l, const char *what)
{
	snprintf(l->problem, TEXT_PROBLEM_BYTES, "%.120s, line %zu: %s", l->path, l->n_lines, what);
	return 1;
}

void word_vectors_free(struct word_vectors *v)
{
	if (!v)
		return;
	free(v->rows);
	free(v->scales);
	free(v->keys);
	free(v->index);
	free(v);
}

size_t word_vectors_width(const struct word_vectors *v)
{
	return v->width;
}

size_t word_vectors_count(const struct word_vectors *v)
{
	return v->n;
}

/* ---- the table ---- */

static size_t find(const struct word_vectors *v, uint64_t key)
{
	size_t i = key & v->mask;
	while (v->keys[i] && v->keys[i] != key)
		i = (i + 1) & v->mask;
	return i;
}

static size_t bytes_of(size_t capacity, size_t width)
{
	return capacity * (width + sizeof(float) + 2 * (sizeof(uint64_t) + sizeof(uint32_t)));
}

/* Twice the rows, at most half the table used. */
static int grow(struct word_vectors *v)
{
	size_t capacity = v->capacity ? 2 * v->capacity : ROWS_AT_FIRST, mask = 2 * capacity - 1;
	int8_t *rows = realloc(v->rows, capacity * v->width);
	v->rows = rows ? rows : v->rows;
	float *scales = realloc(v->scales, capacity * sizeof(*scales));
	v->scales = scales ? scales : v->scales;
	uint64_t *keys = calloc(mask + 1, sizeof(*keys)), *old_keys = v->keys;
	uint32_t *index = calloc(mask + 1, sizeof(*index)), *old_index = v->index;
	if (!rows || !scales || !keys || !index) {
		free(keys);
		free(index);
		return -ENOMEM;
	}
	size_t n_old = old_keys ? v->mask + 1 : 0;
	v->keys = keys;
	v->index = index;
	v->mask = mask;
	v->capacity = capacity;
	for (size_t i = 0; i < n_old; i++)
		if (old_keys[i]) {
			size_t at = find(v, old_keys[i]);
			v->keys[at] = old_keys[i];
			v->index[at] = old_index[i];
		}
	free(old_keys);
	free(old_index);
	return 0;
}

static int add_row(struct word_vectors *v, uint64_t key, const float *x)
{
	float most = 0;
	if (v->n == v->capacity && grow(v) < 0)
		return -ENOMEM;
	size_t at = find(v, key);
	if (v->keys[at])
		return 0; /* another case of the same word, and a rarer one */
	for (size_t i = 0; i < v->width; i++)
		most = fmaxf(most, fabsf(x[i]));
	for (size_t i = 0; i < v->width; i++)
		v->rows[v->n * v->width + i] = (int8_t)(most > 0 ? lrintf(x[i] / most * 127) : 0);
	v->scales[v->n] = most / 127;
	v->keys[at] = key;
	v->index[at] = (uint32_t)v->n++;
	return 0;
}

/* ---- the file ---- */

/* The hash of a word as texts have it. */
static int word_key(struct text *t, struct span word, uint64_t *out)
{
	struct buf b = {0};
	t->folded.len = 0;
	if (text_fold(t, utf8_cut(word, TERM_BYTES), FOLD_FOR_WORDS, &t->folded) ||
	    text_u16_to_utf8(t->folded.data, t->folded.len, &b))
		return -ENOMEM;
	*out = hash64(buf_span(&b));
	buf_free(&b);
	return 0;
}

/* Where the last `n` words of a line begin; NULL when there are no more than that. */
static char *last_words(char *line, size_t len, size_t n)
{
	char *at = line + len;
	for (size_t i = 0; i < n; i++) {
		while (at > line && at[-1] == ' ')
			at--;
		while (at > line && at[-1] != ' ')
			at--;
	}
	return at > line ? at : NULL;
}

static size_t count_words(const char *line)
{
	size_t n = 0;
	for (const char *c = line; *c; c++)
		n += *c != ' ' && (c == line || c[-1] == ' ');
	return n;
}

/* Returns 0, 1 after saying what is wrong. */
static int read_numbers(struct loading *l, char *at)
{
	for (size_t i = 0; i < l->vectors->width; i++) {
		char *end;
		l->numbers[i] = strtof(at, &end);
		if (end == at || (*end != ' ' && *end != '\0') || !isfinite(l->numbers[i]))
			return refuse(l, "a word must be followed by finite numbers");
		at = end;
	}
	return 0;
}

/* "400000 300" before the words, as fastText has it. */
static bool is_head(const char *line)
{
	return count_words(line) == 2 && strspn(line, "0123456789 ") == strlen(line);
}

static int take_line(struct loading *l, size_t len)
{
	struct word_vectors *v = l->vectors;
	uint64_t key;
	if (l->n_lines == 1 && is_head(l->line)) {
		l->n_told = strtoull(l->line, NULL, 10);
		return 0;
	}
	l->n_words++;
	if (v->width == 0) {
		size_t n = count_words(l->line);
		if (n < 3 || n - 1 > LIMIT_EMBEDDING)
			return refuse(l, "must have a word and then 2 to 4096 numbers");
		v->width = n - 1;
	}
	char *numbers = last_words(l->line, len, v->width);
	if (!numbers)
		return refuse(l, "has fewer numbers than the lines before it");
	int r = read_numbers(l, numbers);
	if (r != 0)
		return r;
	while (numbers > l->line && numbers[-1] == ' ')
		numbers--;
	r = word_key(l->text, (struct span){l->line, (size_t)(numbers - l->line)}, &key);
	return r < 0 ? r : add_row(v, key, l->numbers);
}

/* A copy that was cut short ends at a line's end now and then. More than were told of do no harm. */
static int check_count(struct loading *l)
{
	if (l->n_words >= l->n_told)
		return 0;
	snprintf(l->problem, TEXT_PROBLEM_BYTES,
	         "%.120s, line %zu: the file ends with %zu of the %zu words its first line tells of; is it cut short?", l->path,
	         l->n_lines, l->n_words, l->n_told);
	return 1;
}

static int read_lines(struct loading *l, FILE *f)
{
	struct word_vectors *v = l->vectors;
	while (fgets(l->line, sizeof(l->line), f)) {
		size_t len = strlen(l->line);
		l->n_lines++;
		if (len == sizeof(l->line) - 1 && l->line[len - 1] != '\n')
			return refuse(l, "is longer than 4096 numbers can be; is this a text file of word vectors?");
		while (len > 0 && (l->line[len - 1] == '\n' || l->line[len - 1] == '\r' || l->line[len - 1] == ' '))
			l->line[--len] = '\0';
		if (len == 0)
			continue;
		if (v->n == v->capacity && v->width && bytes_of(2 * v->capacity, v->width) > WORD_VECTORS_BYTES)
			return 0; /* the rarer words are left out */
		int r = take_line(l, len);
		if (r != 0)
			return r;
	}
	if (ferror(f)) {
		snprintf(l->problem, TEXT_PROBLEM_BYTES, "%.120s: %s", l->path, strerror(errno));
		return 1;
	}
	return v->n > 0 ? check_count(l) : refuse(l, "there is no word in this file");
}

static void weigh(struct word_vectors *v)
{
	double zipf = log((double)v->n) + euler_gamma;
	for (size_t i = 0; i < v->n; i++)
		v->scales[i] *= (float)(sif_a / (sif_a + 1 / ((double)(i + 1) * zipf)));
}

int word_vectors_load(struct word_vectors **out, struct text *t, const char *path, char problem[TEXT_PROBLEM_BYTES])
{
	FILE *f = fopen(path, "re");
	if (!f) {
		snprintf(problem, TEXT_PROBLEM_BYTES, "%.120s: %s", path, strerror(errno));
		return 1;
	}
	struct loading *l = calloc(1, sizeof(*l));
	int r = -ENOMEM;
	if (l) {
		*l = (struct loading){.vectors = calloc(1, sizeof(*l->vectors)), .text = t, .path = path, .problem = problem};
		r = l->vectors ? read_lines(l, f) : -ENOMEM;
	}
	fclose(f);
	if (r == 0) {
		weigh(l->vectors);
		*out = l->vectors;
	} else if (l) {
		word_vectors_free(l->vectors);
	}
	free(l);
	return r;
}

/* ---- texts ---- */

static void add_word(const struct word_vectors *v, uint64_t key, float *out)
{
	size_t at = find(v, key);
	if (!v->keys[at])
		return;
	const int8_t *row = v->rows + v->index[at] * v->width;
	float scale = v->scales[v->index[at]];
	for (size_t i = 0; i < v->width; i++)
		out[i] += scale * (float)row[i];
}

static int add_text(const struct word_vectors *v, struct text *t, struct span utf8, struct buf *word, float *out)
{
	UErrorCode status = U_ZERO_ERROR;
	t->folded.len = 0;
	if (text_fold(t, utf8, FOLD_FOR_WORDS, &t->folded))
		return -ENOMEM;
	if (t->folded.len == 0)
		return 0;
	ubrk_setText(t->words, t->folded.data, (int32_t)t->folded.len, &status);
	if (U_FAILURE(status))
		return -ENOMEM;
	int32_t from = ubrk_first(t->words);
	for (int32_t to = ubrk_next(t->words); to != UBRK_DONE; from = to, to = ubrk_next(t->words)) {
		if (ubrk_getRuleStatus(t->words) < UBRK_WORD_NONE_LIMIT)
			continue;
		buf_clear(word);
		if (text_u16_to_utf8(t->folded.data + from, (size_t)(to - from), word))
			return -ENOMEM;
		add_word(v, hash64(buf_span(word)), out);
	}
	return 0;
}

int word_vectors_place(const struct word_vectors *v, struct text *t, const struct span *texts, size_t n, float *out)
{
	struct buf word = {0};
	int r = 0;
	memset(out, 0, v->width * sizeof(*out));
	for (size_t i = 0; i < n && r == 0; i++)
		r = add_text(v, t, texts[i], &word, out);
	buf_free(&word);
	return r;
}
