/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * catalogue: resolves, fetches and lists templates, for the tests of templates/.
 *
 *   catalogue --root DIR [--refresh] [--remote] [--arch ARCH] [--busybox FILE] resolve NAME
 *   catalogue ... fetch NAME
 *   catalogue ... list
 *
 * Below DIR: /etc/vzroot/sources.d, /etc/vzroot/keys, /vz/template, /etc/vz/download.conf, /cache.
 * Standard output: KEY=VALUE lines (a template's are followed by an empty line in a list). Standard
 * error: events, and "error NAME LINE: message" with exit status 1.
 */
#include "engine/base/cleanup.h"
#include "templates/catalogue.h"

#include <fcntl.h>
#include <getopt.h>
#include <string.h>

struct arguments {
	const char *root;
	unsigned int flags;
	bool remote;
	const char *arch;
	const char *busybox;
	const char *command;
	const char *name;
};

static struct vzr_context context;

static void on_event(void *data, const struct vzr_event *event)
{
	static const char *const levels[] = { "debug", "info", "warning" };

	(void)data;
	if (event->type == VZR_EVENT_LOG)
		fprintf(stderr, "%s: %s\n", levels[event->u.log.level], event->u.log.text);
	if (event->type == VZR_EVENT_CHOICE)
		fprintf(stderr, "choice %s %s: %s\n", event->u.choice.what, event->u.choice.chosen,
			event->u.choice.reason);
}

static int usage(void)
{
	fprintf(stderr, "usage: catalogue --root DIR [--refresh] [--remote] [--arch ARCH] "
			"[--busybox FILE] resolve|fetch|list [NAME]\n");
	return 2;
}

static bool parse(int argc, char **argv, struct arguments *a)
{
	static const struct option options[] = {
		{ "root", 1, NULL, 'r' }, { "refresh", 0, NULL, 'f' }, { "remote", 0, NULL, 'm' },
		{ "arch", 1, NULL, 'a' }, { "busybox", 1, NULL, 'b' }, { NULL, 0, NULL, 0 },
	};
	int c;

	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1)
		switch (c) {
		case 'r':
			a->root = optarg;
			break;
		case 'f':
			a->flags |= VZR_RESOLVE_REFRESH;
			break;
		case 'm':
			a->remote = true;
			break;
		case 'a':
			a->arch = optarg;
			break;
		case 'b':
			a->busybox = optarg;
			break;
		default:
			return false;
		}
	a->command = optind < argc ? argv[optind] : NULL;
	a->name = optind + 1 < argc ? argv[optind + 1] : NULL;
	return a->root && a->command && (a->name || strcmp(a->command, "list") == 0);
}

static void show(const char *key, const char *value)
{
	if (value)
		printf("%s=%s\n", key, value);
}

static void show_artefact(const struct vzr_artefact *artefact)
{
	char text[VZR_DIGEST_TEXT];

	show("name", artefact->name);
	show("source", artefact->source);
	show("kind", artefact->kind);
	show("trust", artefact->trust);
	show("location", artefact->location);
	for (size_t i = 0; i < artefact->n_urls; i++)
		show("url", artefact->urls[i]);
	if (artefact->has_digest)
		show("digest", vzr_digest_text(&artefact->digest, text));
	show("cached", artefact->cached ? "yes" : "no");
}

static int fetch(struct vzr_catalogue *catalogue, struct vzr_store *store,
		 const struct vzr_artefact *artefact, struct vzr_error *err)
{
	VZR_AUTO_BLOB struct vzr_blob blob = VZR_BLOB_INIT;
	VZR_AUTO_NAME struct vzr_name record = { 0 };
	char text[VZR_DIGEST_TEXT];
	int r = vzr_catalogue_fetch(catalogue, artefact, &blob, err);
	int known = r;

	if (r >= 0)
		r = vzr_store_name_get(store, artefact->name, &record, err);
	if (r < 0)
		return r;
	show("known", known ? "yes" : "no");
	show("blob", vzr_digest_text(&blob.digest, text));
	show("record-source", record.source);
	show("record-trust", record.trust);
	show("record-location", record.location);
	return 0;
}

static int list(struct vzr_catalogue *catalogue, bool remote, struct vzr_error *err)
{
	struct vzr_template **templates;
	size_t count;
	int r = vzr_catalogue_list(catalogue, remote, &templates, &count, err);

	if (r < 0)
		return r;
	for (size_t i = 0; i < count; i++) {
		show("name", templates[i]->name);
		show("source", templates[i]->source);
		show("digest", templates[i]->digest);
		show("trust", templates[i]->trust);
		show("location", templates[i]->location);
		printf("cached=%s\n\n", templates[i]->cached ? "yes" : "no");
	}
	vzr_template_list_free(templates, count);
	return 0;
}

static int work(const struct arguments *a, const struct vzr_catalogue_options *options,
		struct vzr_error *err)
{
	struct vzr_catalogue *catalogue = NULL;
	struct vzr_artefact *artefact = NULL;
	int r = vzr_catalogue_open(options, &catalogue, err);

	if (r < 0)
		return r;
	if (strcmp(a->command, "list") == 0) {
		r = list(catalogue, a->remote, err);
	} else {
		r = vzr_catalogue_resolve(catalogue, a->name, a->flags, &artefact, err);
		if (r == 0)
			show_artefact(artefact);
		if (r == 0 && strcmp(a->command, "fetch") == 0)
			r = fetch(catalogue, options->store, artefact, err);
	}
	vzr_artefact_free(artefact);
	vzr_catalogue_close(catalogue);
	return r;
}

static int run(const struct arguments *a, struct vzr_error *err)
{
	VZR_AUTO_CLOSE int root = open(a->root, O_PATH | O_DIRECTORY | O_CLOEXEC);
	struct vzr_fetch_options fetch_options = { .root_fd = root,
						   .connect_timeout_s = 2,
						   .low_speed_s = 2,
						   .retries = 1,
						   .backoff_ms = 10 };
	struct vzr_catalogue_options options = {
		.root_fd = root,
		.sources_dir = "/etc/vzroot/sources.d",
		.keys_dir = "/etc/vzroot/keys",
		.template_dir = "/vz/template",
		.download_conf = "/etc/vz/download.conf",
		.busybox = a->busybox ? a->busybox : "/bin/busybox",
		.arch = a->arch,
		.ctx = &context,
	};
	int r;

	if (root < 0)
		return vzr_fail_errno(err, "%s", a->root);
	r = vzr_store_open(root, "/cache", &context, &options.store, err);
	if (r < 0)
		return r;
	r = vzr_fetcher_new(&fetch_options, &context, &options.fetcher, err);
	if (r == 0)
		r = work(a, &options, err);
	vzr_fetcher_free(options.fetcher);
	vzr_store_close(options.store);
	return r;
}

int main(int argc, char **argv)
{
	struct vzr_error err = VZR_ERROR_INIT;
	struct arguments a = { 0 };
	int r;

	context.fn = on_event;
	if (!parse(argc, argv, &a))
		return usage();
	r = run(&a, &err);
	if (r < 0)
		fprintf(stderr, "error %s %u: %s\n", vzr_error_name(r), err.line, err.msg);
	return r < 0 ? 1 : 0;
}
