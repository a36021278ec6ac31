// SPDX-License-Identifier: MIT
#include "cmd/cmd.h"

#include <getopt.h>
#include <json-c/json.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "image/doctor.h"
#include "image/loop_attach.h"
#include "mount/serving.h"
#include "util/macros.h"

/* What has been found so far; `findings` collects it for --json. */
struct diagnosis {
	enum finding_verdict worst;
	struct json_object *findings;
	const char *path; /* what was asked about */
	bool colour;
};

static const char *const verdict_colours[] = {
	[FINDING_PASS] = "\033[32m",
	[FINDING_WARN] = "\033[33m",
	[FINDING_FAIL] = "\033[31m",
};

/* One line each, for grep(1); whose finding it is, if it is not what was asked about. */
static void diagnosis_print(const struct finding *finding, void *data)
{
	struct diagnosis *diagnosis = data;
	bool elsewhere = strcmp(finding->subject, diagnosis->path) != 0;

	if (finding->verdict > diagnosis->worst)
		diagnosis->worst = finding->verdict;
	printf("%s%s%s  %s%s%s: %s%s%s\n",
	       diagnosis->colour ? verdict_colours[finding->verdict] : "",
	       finding_verdict_name(finding->verdict), diagnosis->colour ? "\033[0m" : "",
	       elsewhere ? finding->subject : "", elsewhere ? ": " : "", finding->id,
	       finding->sentence, finding->help ? "; what helps: " : "",
	       finding->help ? finding->help : "");
}

static struct json_object *json_text(const char *text)
{
	return text ? json_object_new_string(text) : NULL;
}

static void diagnosis_collect(const struct finding *finding, void *data)
{
	struct diagnosis *diagnosis = data;
	struct json_object *object = json_object_new_object();

	if (finding->verdict > diagnosis->worst)
		diagnosis->worst = finding->verdict;
	json_object_object_add(object, "verdict",
			       json_text(finding_verdict_name(finding->verdict)));
	json_object_object_add(object, "id", json_text(finding->id));
	json_object_object_add(object, "subject", json_text(finding->subject));
	json_object_object_add(object, "sentence", json_text(finding->sentence));
	json_object_object_add(object, "help", json_text(finding->help));
	json_object_array_add(diagnosis->findings, object);
}

static void diagnosis_print_json(const struct diagnosis *diagnosis)
{
	struct json_object *object = json_object_new_object();

	json_object_object_add(object, "subject", json_text(diagnosis->path));
	json_object_object_add(object, "verdict",
			       json_text(finding_verdict_name(diagnosis->worst)));
	json_object_object_add(object, "findings", json_object_get(diagnosis->findings));
	puts(json_object_to_json_string_ext(object, JSON_C_TO_STRING_PRETTY |
							    JSON_C_TO_STRING_SPACED |
							    JSON_C_TO_STRING_NOSLASHESCAPE));
	json_object_put(object);
}

/*
 * The image that is behind a device of platterfs attach or mount, to be freed; NULL: none. A mount
 * point is not looked at: its daemon may be stuck.
 */
static char *image_behind(const char *path)
{
	char *image = NULL;
	dev_t device;
	ino_t inode;

	return strncmp(path, "/dev/", 5) == 0 && loop_file_at(path, &device, &inode) == 0 &&
			       serving_image(device, &image) == 0
		       ? image
		       : NULL;
}

static int doctor_path(const char *path, bool json)
{
	struct diagnosis diagnosis = {.path = path, .colour = isatty(STDOUT_FILENO)};
	_cleanup_free_ char *image = image_behind(path);
	void (*report)(const struct finding *finding, void *data) = json ? diagnosis_collect
									 : diagnosis_print;
	const char *reason;
	int r;

	if (json)
		diagnosis.findings = json_object_new_array();
	r = doctor_examine(path, report, &diagnosis, &reason);
	if (r == 0 && image)
		r = doctor_examine(image, report, &diagnosis, &reason);
	if (r == 0 && json)
		diagnosis_print_json(&diagnosis);
	json_object_put(diagnosis.findings);
	if (r < 0)
		return cmd_failed(path, r, reason);
	return diagnosis.worst == FINDING_FAIL ? CMD_FAILED : CMD_DONE;
}

static int doctor_run(const struct command *command, int argc, char **argv)
{
	static const struct option options[] = {
		{"json", no_argument, NULL, 'j'},
		{"help", no_argument, NULL, 'h'},
		{NULL, 0, NULL, 0},
	};
	bool json = false;
	int option;

	while ((option = getopt_long(argc, argv, "h", options, NULL)) != -1) {
		if (option == '?')
			return cmd_bad_option(command, argv);
		if (option == 'h')
			return cmd_help(command);
		json = true;
	}
	if (optind + 1 != argc)
		return cmd_usage(command, "one IMAGE, MOUNTPOINT or DEVICE is needed");
	return doctor_path(argv[optind], json);
}

const struct command cmd_doctor = {
	.name = "doctor",
	.arguments = "[--json] IMAGE|MOUNTPOINT|DEVICE",
	.summary = "Says what stands between an image and one flush for each fsync, and what would "
		   "help.\nIt changes nothing. The exit code is 0 only without FAIL.",
	.help = "      --json   for programs\n"
		"  -h, --help   this\n",
	.run = doctor_run,
};
