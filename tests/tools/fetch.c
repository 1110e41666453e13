/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * fetch: downloads URLs into a store and prints the digest, for the tests of the cache.
 *
 *   fetch --root DIR --store PATH [option...] URL... | --import FILE
 *
 * Standard output: "sha256:HEX" with " cached" behind it if the blob was there, or with --memory
 * the size and digest of the document. Standard error: events, and "error NAME: message" with exit
 * status 1.
 */
#include "cache/fetch.h"
#include "engine/base/cleanup.h"

#include <fcntl.h>
#include <getopt.h>
#include <signal.h>
#include <string.h>

struct arguments {
	const char *root;
	const char *store;
	bool memory;
	bool forge;    /* refuse everything in terms.verify */
	bool progress; /* print progress events */
	bool recover;
	const char *import;
	struct vzr_digest digest;
	struct vzr_blob_terms terms;
	struct vzr_fetch_options options;
};

static struct vzr_context context;
static bool show_progress;

static void on_event(void *data, const struct vzr_event *event)
{
	static const char *const levels[] = { "debug", "info", "warning" };

	(void)data;
	if (event->type == VZR_EVENT_LOG)
		fprintf(stderr, "%s: %s\n", levels[event->u.log.level], event->u.log.text);
	if (event->type == VZR_EVENT_PROGRESS && show_progress)
		fprintf(stderr, "progress %s %llu %llu\n", event->u.progress.stage,
			(unsigned long long)event->u.progress.done_bytes,
			(unsigned long long)event->u.progress.total_bytes);
}

static void on_signal(int number)
{
	(void)number;
	context.cancelled = 1;
}

static int refuse(void *data, int fd, uint64_t size, struct vzr_error *err)
{
	(void)data;
	(void)fd;
	return vzr_fail(err, -VZR_E_SIGNATURE, "no signature over these %llu bytes",
			(unsigned long long)size);
}

static int set_digest(struct arguments *a, const char *text)
{
	a->terms.digest = &a->digest;
	return vzr_digest_parse(text, &a->digest, NULL);
}

static int parse(int argc, char **argv, struct arguments *a)
{
	static const struct option options[] = {
		{ "root", 1, NULL, 'r' },	  { "store", 1, NULL, 's' },
		{ "sha256", 1, NULL, 'd' },	  { "sha512", 1, NULL, 'd' },
		{ "size", 1, NULL, 'z' },	  { "max", 1, NULL, 'm' },
		{ "ca", 1, NULL, 'c' },		  { "proxy", 1, NULL, 'p' },
		{ "http-proxy", 1, NULL, 'P' },	  { "https-proxy", 1, NULL, 'S' },
		{ "no-proxy", 1, NULL, 'N' },	  { "netrc", 1, NULL, 'n' },
		{ "memory", 0, NULL, 'M' },	  { "forge", 0, NULL, 'F' },
		{ "progress", 0, NULL, 'g' },	  { "recover", 0, NULL, 'R' },
		{ "import", 1, NULL, 'i' },
		{ "low-speed", 1, NULL, 'l' },	  { "connect-timeout", 1, NULL, 't' },
		{ "retries", 1, NULL, 'y' },	  { "backoff", 1, NULL, 'b' },
		{ NULL, 0, NULL, 0 },
	};
	int c;

	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (c) {
		case 'r': a->root = optarg; break;
		case 's': a->store = optarg; break;
		case 'z': a->terms.size_bytes = strtoull(optarg, NULL, 10); break;
		case 'm': a->terms.max_bytes = strtoull(optarg, NULL, 10); break;
		case 'c': a->options.ca_file = optarg; break;
		case 'p': a->options.http_proxy = a->options.https_proxy = optarg; break;
		case 'P': a->options.http_proxy = optarg; break;
		case 'S': a->options.https_proxy = optarg; break;
		case 'N': a->options.no_proxy = optarg; break;
		case 'n': a->options.netrc_file = optarg; break;
		case 'M': a->memory = true; break;
		case 'F': a->forge = true; break;
		case 'g': show_progress = true; break;
		case 'i': a->import = optarg; break;
		case 'R': a->recover = true; break;
		case 'l': a->options.low_speed_s = (unsigned int)atoi(optarg); break;
		case 't': a->options.connect_timeout_s = (unsigned int)atoi(optarg); break;
		case 'y': a->options.retries = (unsigned int)atoi(optarg); break;
		case 'b': a->options.backoff_ms = (unsigned int)atoi(optarg); break;
		case 'd':
			if (set_digest(a, optarg) < 0)
				return -1;
			break;
		default: return -1;
		}
	}
	return a->root && a->store ? 0 : -1;
}

static int get_memory(struct arguments *a, struct vzr_fetcher *fetcher, const char *url,
		      struct vzr_error *err)
{
	VZR_AUTO_BUF struct vzr_buf buf = { .max = (size_t)a->terms.max_bytes };
	char text[VZR_DIGEST_TEXT];
	struct vzr_digest digest;
	int r = vzr_fetch_memory(fetcher, url, &buf, err);

	if (r < 0)
		return r;
	r = vzr_digest_of(VZR_SHA256, vzr_buf_cstr(&buf), buf.len, &digest);
	if (r == 0)
		printf("%zu %s\n", buf.len, vzr_digest_text(&digest, text));
	return r;
}

static int get_blob(struct arguments *a, struct vzr_fetcher *fetcher, struct vzr_store *store,
		    const struct vzr_fetch_job *job, struct vzr_error *err)
{
	char text[VZR_DIGEST_TEXT];
	struct vzr_digest digest;
	int r = 0;

	if (a->recover)
		r = vzr_store_recover(store, err);
	if (r == 0 && a->import) {
		VZR_AUTO_CLOSE int fd = open(a->import, O_RDONLY | O_CLOEXEC);

		r = vzr_store_blob_add(store, fd, &a->terms, &digest, err);
	} else if (r == 0) {
		r = vzr_fetch_blob(fetcher, store, job, &digest, err);
	}
	if (r >= 0)
		printf("%s%s\n", vzr_digest_text(&digest, text), r == 1 ? " cached" : "");
	return r;
}

static int run(struct arguments *a, int n_urls, char **urls, struct vzr_error *err)
{
	struct vzr_fetch_job job = { .n_urls = (size_t)n_urls, .label = "thing" };
	struct vzr_fetcher *fetcher = NULL;
	struct vzr_store *store = NULL;
	VZR_AUTO_CLOSE int root = open(a->root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int r;

	if (root < 0)
		return vzr_fail_errno(err, "%s", a->root);
	if (a->forge)
		a->terms.verify = refuse;
	job.urls = (const char *const *)(void *)urls;
	job.terms = a->terms;
	a->options.root_fd = root;
	r = vzr_fetcher_new(&a->options, &context, &fetcher, err);
	if (r == 0)
		r = vzr_store_open(root, a->store, &context, &store, err);
	if (r == 0)
		r = a->memory ? get_memory(a, fetcher, n_urls ? urls[0] : "", err)
			      : get_blob(a, fetcher, store, &job, err);
	vzr_store_close(store);
	vzr_fetcher_free(fetcher);
	return r;
}

int main(int argc, char **argv)
{
	struct arguments a = { .options = { .backoff_ms = 1, .retries = 1 } };
	struct vzr_error err = VZR_ERROR_INIT;
	int r;

	context.fn = on_event;
	signal(SIGTERM, on_signal);
	if (parse(argc, argv, &a) < 0) {
		fprintf(stderr, "usage: %s --root DIR --store PATH [option...] URL...\n", argv[0]);
		return 2;
	}
	r = run(&a, argc - optind, argv + optind, &err);
	if (r < 0)
		fprintf(stderr, "error %s: %s\n", vzr_error_name(r), err.msg);
	return r < 0;
}
