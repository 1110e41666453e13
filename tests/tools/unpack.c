/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Drives vzr_unpack() for the tests: one JSON line for each event and one for the outcome.
 * unpack [OPTIONS] ARCHIVE [DIRECTORY]; without a directory it only measures.
 */
#include "engine/unpack/unpack.h"

#include "engine/base/cleanup.h"
#include "engine/base/size.h"

#include <fcntl.h>
#include <getopt.h>
#include <string.h>
#include <sys/resource.h>

static bool quiet;
static size_t feed_bytes; /* hand the archive over in pieces of so many bytes; 0: as a file */
static struct vzr_context *cancel_on_progress;

static void put_text(const char *key, const char *text)
{
	printf("\"%s\": \"", key);
	for (; *text; text++)
		if (*text == '"' || *text == '\\')
			printf("\\%c", *text);
		else
			putchar(*text);
	putchar('"');
}

static void show(void *data, const struct vzr_event *event)
{
	(void)data;
	if (event->type == VZR_EVENT_LOG && event->u.log.level == VZR_LEVEL_WARNING) {
		printf("{");
		put_text("warning", event->u.log.text);
		printf("}\n");
	} else if (event->type == VZR_EVENT_PROGRESS && cancel_on_progress) {
		atomic_store(&cancel_on_progress->cancelled, 1);
	} else if (event->type == VZR_EVENT_PROGRESS && !quiet) {
		printf("{\"done\": %llu, \"total\": %llu}\n",
		       (unsigned long long)event->u.progress.done_bytes,
		       (unsigned long long)event->u.progress.total_bytes);
	}
}

/* Peak of this program alone: getrusage() also counts what it was forked from before its exec. */
static unsigned long long own_peak_kib(void)
{
	VZR_AUTO_FCLOSE FILE *f = fopen("/proc/self/status", "re");
	unsigned long long kib = 0;
	char line[256];

	while (f && fgets(line, sizeof(line), f))
		if (sscanf(line, "VmHWM: %llu", &kib) == 1)
			break;
	return kib;
}

static void show_result(const struct vzr_unpack_result *result)
{
	struct rusage children = {0};
	char digest[VZR_DIGEST_TEXT];

	getrusage(RUSAGE_CHILDREN, &children);
	printf("{\"code\": 0, \"sha256\": \"%s\", \"compression\": \"%s\", ",
	       vzr_digest_text(&result->sha256, digest), result->compression);
	printf("\"archive_bytes\": %llu, \"entries\": %llu, \"inodes\": %llu, \"bytes\": %llu, ",
	       (unsigned long long)result->archive_bytes, (unsigned long long)result->entries,
	       (unsigned long long)result->inodes, (unsigned long long)result->bytes);
	printf("\"kib\": %llu, \"left_out\": %llu, \"rss_kib\": %llu, \"child_rss_kib\": %ld}\n",
	       (unsigned long long)result->kib, (unsigned long long)result->left_out,
	       own_peak_kib(), children.ru_maxrss);
}

static uint64_t number(const char *text)
{
	uint64_t value = 0;

	if (vzr_parse_uint(text, UINT64_MAX, &value) < 0) {
		fprintf(stderr, "not a number: %s\n", text);
		exit(2);
	}
	return value;
}

static void parse(int argc, char **argv, struct vzr_unpack_job *job, struct vzr_digest *digest)
{
	static const struct option options[] = {
		{"bytes", required_argument, NULL, 'b'},
		{"kib", required_argument, NULL, 'k'},
		{"inodes", required_argument, NULL, 'i'},
		{"depth", required_argument, NULL, 'd'},
		{"ratio", required_argument, NULL, 'r'},
		{"writers", required_argument, NULL, 'w'},
		{"feed", required_argument, NULL, 'f'},
		{"digest", required_argument, NULL, 's'},
		{"quiet", no_argument, NULL, 'q'},
		{"cancel", no_argument, NULL, 'c'},
		{"confinement", no_argument, NULL, 'C'},
		{0},
	};
	struct vzr_error err = VZR_ERROR_INIT;
	int c;

	while ((c = getopt_long(argc, argv, "", options, NULL)) >= 0) {
		switch (c) {
		case 'b':
			job->limits.bytes = number(optarg);
			break;
		case 'f':
			feed_bytes = number(optarg);
			break;
		case 'k':
			job->limits.kib = number(optarg);
			break;
		case 'i':
			job->limits.inodes = number(optarg);
			break;
		case 'd':
			job->limits.depth = (unsigned int)number(optarg);
			break;
		case 'r':
			job->limits.ratio = (unsigned int)number(optarg);
			break;
		case 'w':
			job->writers = (unsigned int)number(optarg);
			break;
		case 's':
			if (vzr_digest_parse(optarg, digest, &err) < 0)
				exit(2);
			job->digest = digest;
			break;
		case 'q':
			quiet = true;
			break;
		case 'c':
			cancel_on_progress = job->ctx;
			break;
		case 'C':
			printf("%s\n", vzr_unpack_confinement());
			exit(0);
		default:
			exit(2);
		}
	}
}

/* As a download does it. */
static int feed(const struct vzr_unpack_job *job, struct vzr_unpack_result *ret_result,
		struct vzr_error *err)
{
	VZR_AUTO_FREE char *piece = malloc(feed_bytes);
	struct vzr_unpacking *unpacking = NULL;
	int r = vzr_unpack_start(job, &unpacking, err);

	while (r == 0) {
		ssize_t n = read(job->archive_fd, piece, feed_bytes);

		if (n <= 0)
			return vzr_unpack_finish(unpacking, ret_result, err);
		r = vzr_unpack_feed(unpacking, piece, (size_t)n, err);
	}
	vzr_unpack_abort(unpacking);
	return r;
}

int main(int argc, char **argv)
{
	struct vzr_context ctx = {.fn = show};
	struct vzr_unpack_job job = {.ctx = &ctx, .tree_fd = -1};
	struct vzr_unpack_result result;
	struct vzr_error err = VZR_ERROR_INIT;
	struct vzr_digest digest;
	int r;

	parse(argc, argv, &job, &digest);
	if (optind >= argc || argc - optind > 2) {
		fprintf(stderr, "usage: %s [OPTIONS] ARCHIVE [DIRECTORY]\n", argv[0]);
		return 2;
	}
	job.archive_fd = open(argv[optind], O_RDONLY | O_CLOEXEC);
	if (optind + 1 < argc)
		job.tree_fd = open(argv[optind + 1], O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (job.archive_fd < 0 || (optind + 1 < argc && job.tree_fd < 0)) {
		perror(argv[optind]);
		return 2;
	}
	r = feed_bytes ? feed(&job, &result, &err) : vzr_unpack(&job, &result, &err);
	if (r == 0) {
		show_result(&result);
		return 0;
	}
	printf("{\"code\": %d, \"name\": \"%s\", ", r, vzr_error_name(r));
	put_text("error", err.msg);
	printf("}\n");
	return 1;
}
