// SPDX-License-Identifier: MIT
/* The list behind -o: from the command line, and from fstab. */
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "mount/options.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* One line for the user, or nothing. */
static void check_error(int r, char *error)
{
	assert(r <= 0);
	assert((r < 0) == (error != NULL));
	assert(!error || error[0]);
	free(error);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *list = strndup((const char *)data, size), *error = NULL;
	struct mount_options options;
	int r;

	options_init(&options);
	r = options_parse(&options, list, &error);
	check_error(r, error);
	error = NULL;
	if (r == 0)
		check_error(options_check(&options, &error), error);
	options_destroy(&options);
	free(list);
	return 0;
}
