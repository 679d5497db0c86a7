/* Files are only read here; the engine parses and checks them. */
#include "api/models_dir.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/embedded.h"
#include "api/file.h"

enum { MODELS_MAX = 64, MODEL_BYTES = 64 << 20 };

static int by_name(const void *a, const void *b)
{
	const struct engine_model_text *x = a, *y = b;
	size_t n = x->name.len < y->name.len ? x->name.len : y->name.len;
	int order = memcmp(x->name.data, y->name.data, n);
	return order ? order : (x->name.len > y->name.len) - (x->name.len < y->name.len);
}

static int read_one(struct arena *arena, const char *dir, const char *file, struct engine_model_text *out,
                    struct engine_problem *problem)
{
	char path[4096];
	struct buf text = {0};
	snprintf(path, sizeof(path), "%s/%s", dir, file);
	int r = file_read_regular(path, MODEL_BYTES, &text);
	if (r == -ENOMEM)
		goto out;
	if (r != 0) {
		snprintf(problem->text, sizeof(problem->text), "%.180s can't be read: %s", path,
		         r == 1 ? "it is no regular file" : file_strerror(r));
		r = 1;
		goto out;
	}
	*out = (struct engine_model_text){arena_copy(arena, (struct span){file, strlen(file) - strlen(".json")}),
	                                  arena_copy(arena, buf_span(&text))};
	r = out->name.data && out->json.data ? 0 : -ENOMEM;
out:
	buf_free(&text);
	return r;
}

static int read_folder(struct arena *arena, const char *dir, struct engine_model_text *models, size_t *n,
                       struct engine_problem *problem)
{
	struct dirent *entry;
	int r = 0;
	DIR *folder = opendir(dir);
	if (!folder) {
		snprintf(problem->text, sizeof(problem->text), "models_dir %.150s can't be read: %s", dir, strerror(errno));
		return 1;
	}
	*n = 0;
	while (r == 0 && (entry = readdir(folder))) {
		size_t len = strlen(entry->d_name);
		if (entry->d_name[0] == '.' || len <= 5 || strcmp(entry->d_name + len - 5, ".json") != 0)
			continue;
		if (*n == MODELS_MAX) {
			snprintf(problem->text, sizeof(problem->text), "models_dir %.150s has more than %d models", dir, MODELS_MAX);
			r = 1;
			break;
		}
		r = read_one(arena, dir, entry->d_name, &models[(*n)++], problem);
	}
	closedir(folder);
	return r;
}

int models_dir_load(struct arena *arena, const char *dir, const char *default_name, const struct engine_model_text **out,
                    size_t *n, struct engine_problem *problem)
{
	struct engine_model_text *models = arena_calloc(arena, MODELS_MAX, sizeof(*models));
	size_t n_models = 0;
	int r = 0;
	if (!models)
		return -ENOMEM;
	if (dir[0]) {
		r = read_folder(arena, dir, models, &n_models, problem);
	} else {
		n_models = embedded_n_models;
		memcpy(models, embedded_models, n_models * sizeof(*models));
	}
	if (r != 0)
		return r;
	qsort(models, n_models, sizeof(*models), by_name);
	for (size_t i = 0; i < n_models; i++) {
		if (default_name[0] && !span_equal_cstr(models[i].name, default_name))
			continue;
		struct engine_model_text first = models[i];
		memmove(models + 1, models, i * sizeof(*models));
		models[0] = first;
		*out = models;
		*n = n_models;
		return 0;
	}
	snprintf(problem->text, sizeof(problem->text), "there is no model %.64s; put %.64s.json into models_dir or set default_model",
	         default_name, default_name);
	return 1;
}
