// SPDX-License-Identifier: MIT
#include "mount/place.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

int place_make(char path[PLACE_BYTES])
{
	char folder[CONTROL_FOLDER_BYTES];
	int r = control_folder_own(folder);

	if (r < 0)
		return r;
	snprintf(path, PLACE_BYTES, "%s/place.XXXXXX", folder);
	return mkdtemp(path) ? 0 : -errno;
}
