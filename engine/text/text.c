/* One article from words to vector: language, folded words of each field, terms with their document frequency, and from
 * these the vector and the print. Everything a thread needs again and again (ICU objects, stemmers, scratch) is opened
 * once and kept in struct text. */
#include <errno.h>
#include <stdlib.h>
#include <unicode/uchar.h>
#include <unicode/ustring.h>

#include "engine/base/hash.h"
#include "engine/text/text_internal.h"

int text_new(struct text **out)
{
	UErrorCode status = U_ZERO_ERROR;
	int error = -ENOMEM;
	struct text *t = calloc(1, sizeof(*t));
	if (!t)
		return -ENOMEM;
	t->stems = calloc(STEM_CACHE, sizeof(*t->stems));
	t->terms = calloc(TERMS_MAX, sizeof(*t->terms));
	t->term_table = calloc(TERM_TABLE, sizeof(*t->term_table));
	if (!t->stems || !t->terms || !t->term_table)
		goto fail;
	t->nfkc_casefold = unorm2_getNFKCCasefoldInstance(&status);
	t->words = ubrk_open(UBRK_WORD, "", NULL, 0, &status);
	if (U_FAILURE(status)) {
		error = status == U_MEMORY_ALLOCATION_ERROR ? -ENOMEM : -ENOENT;
		goto fail;
	}
	error = text_load_language_models(t);
	if (error)
		goto fail;
	error = text_load_stop_words(t);
	if (error)
		goto fail;
	*out = t;
	return 0;
fail:
	text_free(t);
	return error;
}

void text_free(struct text *t)
{
	if (!t)
		return;
	for (size_t i = 0; i < RELATIVE_CACHE; i++)
		ureldatefmt_close(t->relative[i].formatter);
	for (size_t i = 0; i < t->n_stemmers; i++)
		sb_stemmer_delete(t->stemmers[i].stemmer);
	if (t->textcat) {
		textcat_ReleaseClassifyFullOutput(t->textcat, t->candidates);
		textcat_Done(t->textcat);
	}
	ubrk_close(t->words);
	buf_free(&t->names);
	buf_free(&t->sample);
	free(t->folded.data);
	free(t->raw.data);
	free(t->stop_words);
	free(t->term_table);
	free(t->terms);
	free(t->stems);
	free(t);
}

static bool is_dash(UChar c)
{
	return c == '-' || c == 0x2013 || c == 0x2014 || c == '|';
}

/* The length of a title without a trailing " - Name of Source": at most five words behind the last dash or bar that has
 * spaces around it, and at least three words before it. Score lines ("A 3 - B 1") keep their dash: no digits follow. */
static size_t without_source_suffix(const UChar *s, size_t n)
{
	size_t dash = 0, n_before = 0, n_behind = 0;
	for (size_t i = 1; i + 2 < n; i++)
		if (is_dash(s[i]) && s[i - 1] == ' ' && s[i + 1] == ' ')
			dash = i;
	if (dash == 0)
		return n;
	for (size_t i = 0; i < n; i++) {
		if (i > dash && u_isdigit(s[i]) && s[dash] != '|')
			return n;
		if (s[i] == ' ')
			*(i < dash ? &n_before : &n_behind) += 1;
	}
	return n_before >= 3 && n_behind <= 5 ? dash - 1 : n;
}

static int collect_field(struct text *t, const struct text_language *language, enum text_field field, struct span utf8)
{
	unsigned flags = FOLD_FOR_WORDS | (language->turkic ? FOLD_TURKIC : 0);
	t->folded.len = 0;
	if (text_fold(t, utf8, flags, &t->folded))
		return -ENOMEM;
	size_t n = t->folded.len;
	if (field == FIELD_TITLE)
		n = without_source_suffix(t->folded.data, n);
	if (field == FIELD_BODY && n > BODY_UNITS)
		n = BODY_UNITS;
	return text_collect_terms(t, language, field, 0, n);
}

static int collect_article(struct text *t, const struct text_language *language, const struct article *a)
{
	text_forget_terms(t);
	if (collect_field(t, language, FIELD_TITLE, a->title) || collect_field(t, language, FIELD_SUMMARY, a->summary) ||
	    collect_field(t, language, FIELD_BODY, utf8_cut(a->body, BODY_UNITS * 3)))
		return -ENOMEM;
	return 0;
}

static void weigh_terms(const struct text *t, struct term_weights *w)
{
	w->n_articles = text_df_count(w->df, text_df_key(w->language_seed, 0), w->now_ms);
	for (size_t i = 0; i < t->n_terms; i++) {
		w->key[i] = text_df_key(w->language_seed, t->terms[i].hash);
		w->count[i] = (float)text_df_count(w->df, w->key[i], w->now_ms);
		w->idf[i] = (float)text_idf(w->n_articles, w->count[i]);
	}
}

int text_analyse(struct text *t, struct arena *arena, const struct article *a, const struct span *expected,
                 size_t n_expected, const struct text_df *df, int64_t now_ms, struct text_analysis *out)
{
	struct text_analysis result = {.language = text_declared_language(arena, a->language)};
	struct text_language language;
	struct term_weights weights;
	if (result.language.len == 0)
		result.language = text_choose_language(t, arena, a, expected, n_expected);
	if (!result.language.data)
		return -ENOMEM;
	text_find_language(t, result.language, &language);
	weights.df = df;
	weights.now_ms = now_ms;
	weights.language_seed = language.seed;
	if (collect_article(t, &language, a))
		return -ENOMEM;
	weigh_terms(t, &weights);
	text_build_print(t, &weights, &result.print);
	if (text_build_vector(t, arena, a, &weights, &result))
		return -ENOMEM;
	*out = result;
	return 0;
}

size_t text_terms(struct text *t, struct arena *arena, struct span utf8, struct span language, struct span *out, size_t n)
{
	struct text_language how;
	struct span declared = text_declared_language(arena, language);
	if (!declared.data)
		return 0;
	text_find_language(t, declared, &how);
	text_forget_terms(t);
	t->folded.len = 0;
	if (text_fold(t, utf8, FOLD_FOR_WORDS | (how.turkic ? FOLD_TURKIC : 0), &t->folded) ||
	    text_collect_terms(t, &how, FIELD_TITLE, 0, t->folded.len))
		return 0;
	size_t n_out = t->n_terms < n ? t->n_terms : n;
	for (size_t i = 0; i < n_out; i++) {
		out[i] = arena_copy(arena, term_name(t, &t->terms[i]));
		if (!out[i].data)
			return 0;
	}
	return n_out;
}
