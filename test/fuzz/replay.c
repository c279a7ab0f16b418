/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Runs every file of the folders on its command line through the fuzz target it is linked with,
 * without libFuzzer: each past crash and each seed is a test in every build. Exits 1 for a folder
 * without files; a target that finds something ends the process.
 */
#include <dirent.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"

#define MAX_BYTES (1 << 20)

/* @return 1 if it is a file, 0 if not */
static unsigned int
run_file(const char *path)
{
	uint8_t *bytes = malloc(MAX_BYTES);
	FILE *file = fopen(path, "rb");
	uint8_t *copy;
	size_t len;

	if (bytes == NULL || file == NULL) {
		perror(path);
		exit(EXIT_FAILURE);
	}
	len = fread(bytes, 1, MAX_BYTES, file);
	fclose(file);
	/* A block of the exact size, so that a sanitizer sees a read past the end. */
	copy = malloc(len);
	memcpy(copy, bytes, len);
	free(bytes);
	/* If it crashes, this is the last line. */
	printf("%s\n", path);
	fflush(stdout);
	LLVMFuzzerTestOneInput(copy, len);
	free(copy);
	return 1;
}

static unsigned int
run_folder(const char *folder)
{
	struct dirent **entries;
	int nb_entries = scandir(folder, &entries, NULL, alphasort);
	unsigned int nb_files = 0;
	char path[PATH_MAX];

	if (nb_entries < 0) {
		perror(folder);
		return 0;
	}
	for (int i = 0; i < nb_entries; i++) {
		snprintf(path, sizeof(path), "%s/%s", folder, entries[i]->d_name);
		if (entries[i]->d_name[0] != '.')
			nb_files += run_file(path);
		free(entries[i]);
	}
	free(entries);
	return nb_files;
}

int
main(int argc, char **argv)
{
	if (argc < 2 || argv[1][0] == '-') {
		fprintf(stderr, "usage: %s FOLDER...\n", argv[0]);
		return EXIT_FAILURE;
	}
	LLVMFuzzerInitialize(&argc, &argv);
	for (int i = 1; i < argc; i++) {
		unsigned int nb_files = run_folder(argv[i]);

		printf("%s: %u files\n", argv[i], nb_files);
		if (nb_files == 0)
			return EXIT_FAILURE;
	}
	return EXIT_SUCCESS;
}
