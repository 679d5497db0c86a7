/* Any text as a settings file. */
#include <stdint.h>
#include <stdlib.h>

#include "api/config.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct config config;
	struct config_problems problems;
	config_defaults(&config);
	if (config_parse((struct span){(const char *)data, size}, &config, &problems) == 1 && problems.n == 0)
		abort(); /* refused without a word */
	return 0;
}
