/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The process around the work: descriptors, signals, umask and environment as we want them. */
#include "cli/cli.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>

/* A handler can only reach what is global. */
static struct vzr_engine *volatile running;
static volatile sig_atomic_t asked;

static void on_signal(int number)
{
	struct vzr_engine *engine = running;
	int saved = errno;

	asked = number;
	if (engine)
		vzr_cancel(engine);
	errno = saved;
}

/* A data file must never become descriptor 0, 1 or 2: messages would be written into it. */
static void open_standard_fds(void)
{
	for (int fd = 0; fd <= 2; fd++)
		if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", O_RDWR) != fd)
			_exit(EXIT_FAILURE);
}

static void catch_signals(void)
{
	/*
	 * Without SA_RESTART: a read of standard input or a wait for a lock has to end. SIGHUP
	 * stays ignored where nohup(1) ignored it.
	 */
	static const int cancel[] = { SIGINT, SIGTERM, SIGHUP };
	struct sigaction action = { .sa_handler = on_signal };
	struct sigaction old;
	sigset_t none;

	for (size_t i = 0; i < CLI_COUNT(cancel); i++) {
		if (cancel[i] == SIGHUP && sigaction(SIGHUP, NULL, &old) == 0 &&
		    old.sa_handler == SIG_IGN)
			continue;
		sigaction(cancel[i], &action, NULL);
	}
	/* Both come back as errors of write(), which are told, instead of a silent death. */
	signal(SIGPIPE, SIG_IGN);
	signal(SIGXFSZ, SIG_IGN);
	signal(SIGCHLD, SIG_DFL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
}

/* Empty counts as not set. The text stays when the environment is cleared. */
static const char *from_environment(const char *name)
{
	const char *value = getenv(name);

	return value && *value ? value : NULL;
}

/* Libraries look at TAR_OPTIONS, http_proxy, XML_CATALOG_FILES, ...: what counts is vzroot.conf. */
static void clear_environment(struct cli *cli)
{
	const char *term = getenv("TERM");

	cli->root = from_environment("VZROOT_ROOT");
	cli->config = from_environment("VZROOT_CONFIG");
	cli->dumb = term && strcmp(term, "dumb") == 0;
	if (clearenv() != 0 || setenv("PATH", "/usr/sbin:/usr/bin:/sbin:/bin", 1) < 0)
		vzr_cli_no_memory();
}

void vzr_cli_process_init(struct cli *cli)
{
	open_standard_fds();
	/* Large, so that a failed write is seen where its reason is kept. */
	if (!isatty(STDOUT_FILENO))
		setvbuf(stdout, NULL, _IOFBF, 65536);
	umask(022);
	catch_signals();
	clear_environment(cli);
}

void vzr_cli_process_engine(struct vzr_engine *engine)
{
	running = engine;
	if (engine && asked)
		vzr_cancel(engine);
}

int vzr_cli_process_cancelled(struct vzr_error *err)
{
	return asked ? vzr_cli_fail(err, -VZR_E_CANCELLED, "cancelled by signal %d", asked) : 0;
}
