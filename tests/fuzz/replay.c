/* Runs a fuzz target over every file of the folders named: what fuzzing found once stays found. */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int run_file(const char *path)
{
	FILE *file = fopen(path, "rb");
	if (!file)
		return 1;
	size_t capacity = 1 << 20;
	uint8_t *bytes = malloc(capacity);
	size_t n = bytes ? fread(bytes, 1, capacity, file) : 0;
	fclose(file);
	/* Of its own size, so that a read behind its end is seen. */
	uint8_t *exact = bytes ? malloc(n ? n : 1) : NULL;
	if (exact) {
		memcpy(exact, bytes, n);
		LLVMFuzzerTestOneInput(exact, n);
	}
	free(bytes);
	free(exact);
	return exact == NULL;
}

static int run_folder(const char *path, unsigned *n_files)
{
	struct dirent *entry;
	DIR *folder = opendir(path);
	char name[4096];
	int r = folder == NULL;
	while (r == 0 && (entry = readdir(folder))) {
		if (entry->d_name[0] == '.')
			continue;
		snprintf(name, sizeof(name), "%s/%s", path, entry->d_name);
		r = run_file(name);
		++*n_files;
	}
	if (folder)
		closedir(folder);
	return r;
}

int main(int argc, char **argv)
{
	unsigned n_files = 0;
	int r = argc < 2;
	LLVMFuzzerTestOneInput((const uint8_t *)"", 0);
	for (int i = 1; i < argc && r == 0; i++)
		r = run_folder(argv[i], &n_files);
	printf("%u files\n", n_files);
	return r || n_files == 0;
}
