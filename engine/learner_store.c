/* What was learnt, on its way to the store and back (table `learnt`).
 *
 *     "head"           version, through, examples learnt
 *     "signals" page   one page of the signals
 *     "kin" page       one of where words stand
 *     "model" name     version, model's version, hidden units, shape, examples learnt, params, squares
 *     "cross" name, page   CROSS_PAGE crosses
 *
 * All that changed goes in one transaction, so what is read back is the fold up to `through` and no further. */
#include <errno.h>
#include <math.h>

#include "engine/learner_internal.h"
#include "engine/store/codec.h"

enum { LEARNT_VERSION = 1, MODEL_VERSION = 3, KEY_MAX = 16 + MODEL_NAME_BYTES + 4 };

static struct span key_of(uint8_t out[KEY_MAX], const char *kind, const char *name, int64_t page)
{
	size_t n = strlen(kind), n_name = name ? strlen(name) : 0;
	memcpy(out, kind, n);
	out[n++] = '/';
	if (name)
		memcpy(out + n, name, n_name);
	n += n_name;
	if (page >= 0) {
		out[n++] = '/';
		n += key_u32(out + n, (uint32_t)page).len;
	}
	return (struct span){(const char *)out, n};
}

/* ---- saving ---- */

static int save_head(const struct learner *l, struct store_txn *txn)
{
	uint8_t bytes[17] = {LEARNT_VERSION}, key[KEY_MAX];
	memcpy(bytes + 1, &l->through, 8);
	memcpy(bytes + 9, &l->n_learnt, 8);
	return store_put(txn, TABLE_LEARNT, key_of(key, "head", NULL, -1), (struct span){(const char *)bytes, sizeof(bytes)});
}

static int save_signals(struct learner *l, struct store_txn *txn)
{
	uint8_t bytes[SIGNALS_PAGE_BYTES], key[KEY_MAX];
	int64_t page;
	while ((page = signals_take_page(l->signals, bytes)) >= 0) {
		int r = store_put(txn, TABLE_LEARNT, key_of(key, "signals", NULL, page),
		                  (struct span){(const char *)bytes, sizeof(bytes)});
		if (r < 0)
			return r;
	}
	return 0;
}

static int save_kin(struct learner *l, struct store_txn *txn)
{
	uint8_t bytes[KIN_PAGE_BYTES], key[KEY_MAX];
	int64_t page;
	while ((page = kin_take_page(l->kin, bytes)) >= 0) {
		int r = store_put(txn, TABLE_LEARNT, key_of(key, "kin", NULL, page),
		                  (struct span){(const char *)bytes, sizeof(bytes)});
		if (r < 0)
			return r;
	}
	return 0;
}

/* A page of nothing but zeros is not kept. */
static int put_crosses(struct store_txn *txn, struct span key, const float numbers[CROSS_PAGE * 3])
{
	bool any = false;
	for (size_t i = 0; i < CROSS_PAGE * 3; i++)
		any = any || numbers[i] != 0;
	if (any)
		return store_put(txn, TABLE_LEARNT, key, (struct span){(const char *)numbers, CROSS_PAGE * 3 * sizeof(*numbers)});
	int r = store_delete(txn, TABLE_LEARNT, key);
	return r < 0 ? r : 0;
}

static int save_crosses(struct learning *m, struct store_txn *txn)
{
	float numbers[CROSS_PAGE * 3];
	uint8_t key[KEY_MAX];
	for (size_t page = 0; m->crosses && page < N_CROSS_PAGES; page++) {
		if (m->cross_pages[page] != PAGE_CHANGED)
			continue;
		for (size_t i = 0; i < CROSS_PAGE; i++) {
			const struct model_cross *c = &m->cross_sums[page * CROSS_PAGE + i];
			numbers[3 * i] = atomic_load_explicit(&m->crosses[page * CROSS_PAGE + i], memory_order_relaxed);
			numbers[3 * i + 1] = c->z;
			numbers[3 * i + 2] = c->n;
		}
		m->cross_pages[page] = PAGE_TAKEN;
		int r = put_crosses(txn, key_of(key, "cross", m->name, (int64_t)page), numbers);
		if (r < 0)
			return r;
	}
	return 0;
}

static int save_model(struct learning *m, struct store_txn *txn)
{
	struct buf b = {0};
	uint8_t key[KEY_MAX];
	put_u8(&b, MODEL_VERSION);
	put_string(&b, span_of(m->model->version));
	put_u16(&b, (uint16_t)m->model->learn.hidden);
	put_u32(&b, (uint32_t)m->n_params);
	put_u64(&b, m->n_learnt);
	buf_put(&b, m->params, m->n_params * sizeof(*m->params));
	buf_put(&b, m->squares, m->n_params * sizeof(*m->squares));
	int r = b.failed ? -ENOMEM : store_put(txn, TABLE_LEARNT, key_of(key, "model", m->name, -1), buf_span(&b));
	buf_free(&b);
	return r;
}

bool learner_changed(const struct learner *l)
{
	return l->dirty;
}

int learner_save(struct learner *l, struct store_txn *txn)
{
	if (!l->dirty)
		return 0;
	l->saving = true;
	int r = save_head(l, txn);
	if (r == 0)
		r = save_signals(l, txn);
	if (r == 0)
		r = save_kin(l, txn);
	for (int i = 0; i < CATALOG_MODELS && r == 0; i++) {
		struct learning *m = l->learning[i];
		if (m)
			r = save_model(m, txn);
		if (m && r == 0)
			r = save_crosses(m, txn);
	}
	return r;
}

void learner_saved(struct learner *l, bool committed)
{
	signals_taken_kept(l->signals, committed);
	kin_taken_kept(l->kin, committed);
	for (int i = 0; committed && l->saving && i < CATALOG_MODELS; i++)
		if (l->learning[i] && learner_is_well(l->learning[i]))
			learner_mark_good(l->learning[i]);
	for (int i = 0; i < CATALOG_MODELS; i++)
		for (size_t page = 0; l->learning[i] && page < N_CROSS_PAGES; page++)
			if (l->learning[i]->cross_pages[page] == PAGE_TAKEN)
				l->learning[i]->cross_pages[page] = committed ? PAGE_CLEAN : PAGE_CHANGED;
	if (committed && l->saving)
		l->dirty = false;
	l->saving = false;
}

/* ---- loading ---- */

static bool all_finite(const float *x, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (!isfinite(x[i]))
			return false;
	return true;
}

/* A model that was saved in another version or shape begins anew, as does one whose weights stood in another order
 * (records of versions before). */
static int load_model(struct learning *m, struct store_txn *txn)
{
	uint8_t key[KEY_MAX];
	struct span value;
	int r = store_get(txn, TABLE_LEARNT, key_of(key, "model", m->name, -1), &value);
	if (r != 0)
		return r < 0 ? r : 1;
	struct byte_reader b = bytes_reader(value);
	unsigned of_record = get_u8(&b);
	if (of_record < 1 || of_record > MODEL_VERSION)
		return -EINVAL;
	if (of_record != MODEL_VERSION)
		return 1;
	struct span version = get_string(&b, MODEL_NAME_BYTES);
	unsigned n_hidden = get_u16(&b);
	uint32_t n = get_u32(&b);
	uint64_t n_learnt = get_u64(&b);
	if (b.failed || (size_t)(b.end - b.at) != 2 * (size_t)n * sizeof(float))
		return -EINVAL;
	if (n != m->n_params || n_hidden != m->model->learn.hidden || !span_equal_cstr(version, m->model->version))
		return 1;
	bytes_take(&b, m->params, n * sizeof(float));
	bytes_take(&b, m->squares, n * sizeof(float));
	if (!all_finite(m->params, n) || !all_finite(m->squares, n))
		return -EINVAL;
	m->n_learnt = n_learnt;
	return 0;
}

static int load_crosses(struct learning *m, struct store_txn *txn)
{
	uint8_t key[KEY_MAX];
	struct span value;
	memset(m->cross_pages, PAGE_CLEAN, sizeof(m->cross_pages));
	for (size_t page = 0; m->crosses && page < N_CROSS_PAGES; page++) {
		float numbers[CROSS_PAGE * 3];
		int r = store_get(txn, TABLE_LEARNT, key_of(key, "cross", m->name, (int64_t)page), &value);
		if (r < 0)
			return r;
		if (r == 1)
			continue;
		if (value.len != sizeof(numbers))
			return -EINVAL;
		memcpy(numbers, value.data, sizeof(numbers));
		if (!all_finite(numbers, CROSS_PAGE * 3))
			return -EINVAL;
		for (size_t i = 0; i < CROSS_PAGE; i++) {
			struct model_cross *c = &m->cross_sums[page * CROSS_PAGE + i];
			atomic_store_explicit(&m->crosses[page * CROSS_PAGE + i], numbers[3 * i], memory_order_relaxed);
			c->z = numbers[3 * i + 1];
			c->n = numbers[3 * i + 2];
		}
	}
	return 0;
}

static int load_signals(struct learner *l, struct store_txn *txn)
{
	uint8_t key[KEY_MAX];
	struct span value;
	for (size_t page = 0; page < signals_n_pages(l->signals); page++) {
		int r = store_get(txn, TABLE_LEARNT, key_of(key, "signals", NULL, (int64_t)page), &value);
		if (r < 0)
			return r;
		if (r == 0 && signals_load_page(l->signals, page, value) != 0)
			return -EINVAL;
	}
	return 0;
}

static int load_kin(struct learner *l, struct store_txn *txn)
{
	uint8_t key[KEY_MAX];
	struct span value;
	for (size_t page = 0; page < kin_n_pages(); page++) {
		int r = store_get(txn, TABLE_LEARNT, key_of(key, "kin", NULL, (int64_t)page), &value);
		if (r < 0)
			return r;
		if (r == 0 && kin_load_page(l->kin, page, value) != 0)
			return -EINVAL;
	}
	return kin_loaded(l->kin) == 0 ? 0 : -EINVAL;
}

/* The examples last learnt, for replay. */
static int load_ring(struct learner *l, struct store_txn *txn)
{
	struct store_cursor *c;
	struct span key, value;
	uint64_t n = 0, skip = 0;
	uint8_t behind[8];
	if (l->n_ring == 0)
		return 0;
	int r = store_count(txn, TABLE_EXAMPLES, &n);
	if (r == 0)
		r = store_cursor_new(txn, TABLE_EXAMPLES, &c);
	if (r != 0)
		return r;
	/* Those behind are learnt by the replay of the log's tail. */
	for (r = store_seek(c, key_u64(behind, l->through + 1), &key, &value); r == 0; r = store_next(c, &key, &value))
		n--;
	skip = n > l->n_ring ? n - l->n_ring : 0;
	for (r = store_first(c, &key, &value); r == 0 && key_to_u64(key) <= l->through; r = store_next(c, &key, &value)) {
		struct arena arena = {0};
		struct example *e;
		if (skip > 0) {
			skip--;
			continue;
		}
		r = example_decode(&arena, value, &e);
		if (r == 0)
			r = learner_keep(l, e, key_to_u64(key));
		arena_free(&arena);
		if (r != 0)
			break;
	}
	store_cursor_free(c);
	return r < 0 ? r : 0;
}

int learner_load(struct learner *l, struct store_txn *txn)
{
	uint8_t key[KEY_MAX];
	struct span value;
	bool begun_anew = false;
	l->dirty = false;
	int r = store_get(txn, TABLE_LEARNT, key_of(key, "head", NULL, -1), &value);
	if (r != 0)
		return r < 0 ? r : 0;
	if (value.len != 17 || value.data[0] != LEARNT_VERSION)
		return -EINVAL;
	memcpy(&l->through, value.data + 1, 8);
	memcpy(&l->n_learnt, value.data + 9, 8);
	r = load_signals(l, txn);
	if (r == 0)
		r = load_kin(l, txn);
	for (int i = 0; i < CATALOG_MODELS && r >= 0; i++) {
		struct learning *m = l->learning[i];
		r = m ? load_model(m, txn) : 1;
		if (r == 0)
			r = load_crosses(m, txn);
		if (m) {
			m->changed = true;
			learner_mark_good(m);
		}
		begun_anew = begun_anew || (m && r == 1);
	}
	l->dirty = begun_anew;
	if (r >= 0)
		r = load_ring(l, txn);
	return r < 0 ? r : learner_publish(l);
}
