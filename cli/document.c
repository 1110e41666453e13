/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Documents: from a file to a domain, and the answer of "check". */
#include "cli/document.h"
#include "cli/json.h"
#include "cli/text.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

/* Reads all of @fd; a signal that asks to end does end it. */
static int read_all(int fd, const char *name, size_t max, char **text, size_t *ret_length,
		    struct vzr_error *err)
{
	size_t used = 0, room = 0;

	for (;;) {
		ssize_t n;
		int r;

		if (used == room) {
			if (used > max)
				break;
			room = room ? 2 * room : 65536;
			room = room > max ? max + 1 : room;
			*text = realloc(*text, room);
			if (!*text)
				vzr_cli_no_memory();
		}
		n = read(fd, *text + used, room - used);
		if (n == 0)
			break;
		if (n > 0) {
			used += (size_t)n;
			continue;
		}
		if (errno != EINTR)
			return vzr_cli_fail(err, -errno, "cannot read %s: %s", name,
					    strerrordesc_np(errno));
		r = vzr_cli_process_cancelled(err);
		if (r < 0)
			return r;
	}
	*ret_length = used;
	return 0;
}

const char *vzr_cli_input_name(const char *path)
{
	return strcmp(path, "-") == 0 ? "standard input" : path;
}

int vzr_cli_input_read(const char *path, size_t max, char **ret_text, size_t *ret_length,
		       struct vzr_error *err)
{
	CLI_AUTO_CLOSE int fd = -1;
	CLI_AUTO_FREE char *text = NULL;
	size_t length = 0;
	int r = vzr_cli_open_input(path, &fd, err);

	if (r == 0)
		r = read_all(fd, vzr_cli_input_name(path), max, &text, &length, err);
	if (r == 0 && length > max)
		r = vzr_cli_fail(err, -VZR_E_ILL_FORMED, "%s is larger than %zu MiB",
				 vzr_cli_input_name(path), max >> 20);
	if (r < 0)
		return r;
	*ret_text = text;
	*ret_length = length;
	text = NULL;
	return 0;
}

int vzr_cli_document_load(const char *path, struct vzr_domain **ret_domain, struct vzr_error *err)
{
	CLI_AUTO_FREE char *text = NULL;
	size_t length = 0;
	int r = vzr_cli_input_read(path, CLI_DOCUMENT_MAX, &text, &length, err);

	return r < 0 ? r
		     : vzr_domain_load(vzr_cli_input_name(path), text, length, ret_domain, err);
}

void vzr_cli_document_warn(struct cli *cli, const char *path, const struct vzr_domain *domain)
{
	for (size_t i = 0; i < domain->n_warnings; i++) {
		CLI_AUTO_FREE char *text = NULL;
		struct vzr_event event = { .type = VZR_EVENT_LOG,
					   .u.log = { VZR_LEVEL_WARNING, domain->warnings[i] } };

		/* An object of check names the file itself. */
		if (!cli->warnings) {
			if (asprintf(&text, "%s: %s", path, domain->warnings[i]) < 0) {
				text = NULL;
				vzr_cli_no_memory();
			}
			event.u.log.text = text;
		}
		vzr_cli_event(cli, &event);
	}
}

static void print_json(struct cli *cli, const char *path, const struct vzr_domain *domain,
		       const struct vzr_plan *plan, const struct vzr_error *error)
{
	json_t *quota = domain ? vzr_cli_json_limits(&domain->vm, domain->users, domain->n_users,
						     domain->groups, domain->n_groups)
			       : vzr_cli_json_limits(NULL, NULL, 0, NULL, 0);

	vzr_cli_json_print(vzr_cli_json_pack("{s:o, s:b, s:o, s:O, s:o, s:o, s:o, s:o}", "file",
					     vzr_cli_json_text(path), "ok", error == NULL, "error",
					     error ? vzr_cli_json_error(error) : json_null(),
					     "warnings", cli->warnings, "domain",
					     vzr_cli_json_domain(domain), "root",
					     vzr_cli_json_root(domain), "quota", quota, "plan",
					     vzr_cli_json_plan(plan)));
}

static void print_domain(const struct vzr_domain *d)
{
	vzr_cli_field("domain", d->name);
	vzr_cli_field("type", d->type);
	vzr_cli_field("uuid", d->uuid);
	if (d->root.type != VZR_ROOT_NONE)
		vzr_cli_fieldf("root", "%s %s on %s", vzr_root_type_name(d->root.type),
			       d->root.source ? d->root.source : "-",
			       d->root.target ? d->root.target : "/");
	vzr_cli_limits_fields(&d->vm, d->users, d->n_users, d->groups, d->n_groups);
}

static void print_room(const struct vzr_plan *plan)
{
	char needs[CLI_TEXT_MAX], room[CLI_TEXT_MAX];

	if (plan->needs_kib)
		vzr_cli_fieldf("needs", "%s, %" PRIu64 " inodes",
			       vzr_cli_kib_text(plan->needs_kib, needs), plan->needs_inodes);
	else
		vzr_cli_field("needs", "not known before the template is fetched");
	/* A file system that makes inodes as it needs them tells 0. */
	if (plan->free_inodes)
		vzr_cli_fieldf("free", "%s, %" PRIu64 " inodes",
			       vzr_cli_kib_text(plan->free_kib, room), plan->free_inodes);
	else
		vzr_cli_field("free", vzr_cli_kib_text(plan->free_kib, room));
}

static void print_plan(const struct vzr_plan *plan)
{
	if (plan->ctid)
		vzr_cli_fieldf("CTID", "%" PRIu32, plan->ctid);
	else
		vzr_cli_field("CTID", "the first free one from 101");
	vzr_cli_field("template", plan->template_name);
	vzr_cli_field("digest", plan->digest);
	vzr_cli_fieldf("from", "%s: %s", plan->source ? plan->source : "-",
		       plan->location ? plan->location : "-");
	vzr_cli_field("trusted", plan->trust);
	vzr_cli_field("area", plan->area);
	vzr_cli_field("quota", plan->quota);
	vzr_cli_field("handoff", plan->handoff);
	vzr_cli_field("private area", plan->private_path);
	print_room(plan);
	for (size_t i = 0; i < plan->n_notes; i++)
		vzr_cli_field(i ? "" : "because", plan->notes[i]);
}

static void print_text(struct cli *cli, const char *path, const struct vzr_domain *domain,
		       const struct vzr_plan *plan, bool ok)
{
	if (cli->quiet)
		return;
	vzr_cli_title(path, ok ? "ok" : "failed");
	if (domain)
		print_domain(domain);
	if (plan)
		print_plan(plan);
}

static int load_and_plan(struct cli *cli, const char *path, const struct vzr_request *request,
			 struct vzr_domain **domain, struct vzr_plan **plan, struct vzr_error *err)
{
	int r = vzr_cli_document_load(path, domain, err);

	if (r < 0)
		return r;
	vzr_cli_document_warn(cli, path, *domain);
	return vzr_plan(cli->engine, *domain, request, plan, err);
}

int vzr_cli_document_check(struct cli *cli, const char *path, const struct vzr_request *request,
			   struct vzr_error *err)
{
	CLI_AUTO_DOMAIN struct vzr_domain *domain = NULL;
	CLI_AUTO_PLAN struct vzr_plan *plan = NULL;
	int r;

	if (cli->json)
		cli->warnings = vzr_cli_json_pack("[]");
	r = load_and_plan(cli, path, request, &domain, &plan, err);
	if (cli->json)
		print_json(cli, path, domain, plan, r < 0 ? err : NULL);
	else
		print_text(cli, path, domain, plan, r >= 0);
	json_decref(cli->warnings);
	cli->warnings = NULL;
	if (r < 0)
		vzr_cli_report_text(cli, err);
	return r < 0 ? r : 0;
}
