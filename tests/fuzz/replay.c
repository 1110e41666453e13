/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Feeds every file of a corpus directory to a fuzz target: the corpus as a regression test. */
#include <dirent.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define INPUT_SIZE (4u << 20)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void replay(int dirfd, const char *name)
{
	int fd = openat(dirfd, name, O_RDONLY | O_CLOEXEC);
	uint8_t *data = malloc(INPUT_SIZE);
	ssize_t n = fd < 0 || !data ? -1 : read(fd, data, INPUT_SIZE);
	uint8_t *exact;

	if (n < 0) {
		perror(name);
		exit(1);
	}
	/* A copy of the exact size lets AddressSanitizer see a read past the end. */
	exact = malloc(n ? (size_t)n : 1);
	for (ssize_t i = 0; i < n; i++)
		exact[i] = data[i];
	LLVMFuzzerTestOneInput(exact, (size_t)n);
	free(exact);
	free(data);
	close(fd);
}

int main(int argc, char **argv)
{
	unsigned int count = 0;
	const struct dirent *entry;
	DIR *dir = argc == 2 ? opendir(argv[1]) : NULL;

	if (!dir) {
		fprintf(stderr, "usage: %s CORPUS-DIRECTORY\n", argv[0]);
		return 2;
	}
	while ((entry = readdir(dir)))
		if (entry->d_name[0] != '.') {
			replay(dirfd(dir), entry->d_name);
			count++;
		}
	closedir(dir);
	printf("%u inputs replayed\n", count);
	return count ? 0 : 1;
}
