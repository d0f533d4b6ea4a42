package Test::Pharos;

# Copyright (C) The Pharos Authors
#
# The harness of t/*.t: an nginx with the module in a run directory of its
# own, on free ports, as whoever runs the tests; fake targets and a webhook
# sink beside it.  Core modules of Perl only.
#
# Nothing sleeps to wait: wait_for() polls.  done() stops everything and
# asserts what each test must: no alert in the log, no process left behind.
#
#   my $t = Test::Pharos->new;
#   $t->conf('server { listen 127.0.0.1:%%PORT_0%%; ... }');
#   $t->run;
#   is($t->get('/')->{status}, 200, 'answers');
#   $t->done;
#
# Environment: PHAROS_MODULE (or "static", if nginx has it linked in),
# PHAROS_NGINX, PHAROS_TOOL (the program "pharos"; beside the module if not
# set), PHAROS_KEEP=1 (keeps the run directory).

use strict;
use warnings;

use Cwd qw(abs_path);
use Errno qw(EEXIST);
use File::Basename qw(dirname);
use File::Path qw(make_path remove_tree);
use File::Temp ();
use HTTP::Tiny;
use IO::Select;
use IO::Socket::INET;
use JSON::PP ();
use POSIX qw(:sys_wait_h _exit);
use Test::More;
use Time::HiRes qw(sleep time);

our $root = abs_path(dirname(__FILE__) . '/../../..');

my $nports = 0;     # that were tried


sub new {
    my ($class, %args) = @_;

    # a short name: that of a unix socket has 107 bytes
    my $dir = File::Temp::tempdir('phr-XXXXXX', DIR => '/tmp', CLEANUP => 0);
    chmod 0755, $dir;

    my $self = bless {
        dir     => $dir,
        ports   => [],
        held    => [],
        nginx   => $ENV{PHAROS_NGINX} || '/usr/sbin/nginx',
        module  => ($ENV{PHAROS_MODULE} || '') eq 'static' ? '/'
                   : abs_path($ENV{PHAROS_MODULE}
                              || "$root/build/ngx_http_pharos_module.so"),
        children => [],
        allowed => [],
        level   => $args{level} || 'notice',
        owner   => $$,
        begun   => 0,
    }, $class;

    $self->{tool} = $ENV{PHAROS_TOOL} || dirname($self->{module}) . '/pharos';

    for my $what ('nginx', 'module') {
        next if $self->{$what} && -e $self->{$what};
        plan(skip_all => "no $what, see PHAROS_" . uc($what));
    }

    return $self;
}


sub dir { return $_[0]{dir} }


# the number of a free port; the same for the same index
sub port {
    my ($self, $i) = @_;

    return $self->{ports}[$i || 0] ||= free_port();
}


# Below those that the system gives out by itself: such a port could be taken
# by any connection before whom it is for listens.  Tests that run beside
# each other begin at different ones.
sub free_port {
    for (1 .. 1000) {
        my $port = 10000 + ($$ * 61 + $nports++) % 20000;

        my $s = IO::Socket::INET->new(
            LocalAddr => '127.0.0.1', LocalPort => $port, Listen => 1,
            Proto => 'tcp',
        ) or next;

        close $s;

        return $port;
    }

    die "no free port: $!";
}


sub write_file {
    my ($self, $name, $text) = @_;

    my $path = "$self->{dir}/$name";
    make_path(dirname($path));

    # by rename: whoever reads it sees the old or the new, not a half
    open my $f, '>', "$path.new" or die "open $path: $!";
    print {$f} $self->expand($text);
    close $f or die "close $path: $!";
    chmod 0644, "$path.new";
    rename "$path.new", $path or die "rename $path: $!";

    return $path;
}


sub read_file {
    my ($self, $name) = @_;

    open my $f, '<', "$self->{dir}/$name" or return '';
    local $/;
    my $text = <$f>;

    return defined $text ? $text : '';
}


# %%PORT_n%% and %%DIR%%
sub expand {
    my ($self, $text) = @_;

    $text =~ s/%%PORT_(\d+)%%/$self->port($1)/ge;
    $text =~ s/%%DIR%%/$self->{dir}/g;

    return $text;
}


# nginx.conf around what stands in the http block; options of the main block
sub conf {
    my ($self, $http, %args) = @_;

    my $main = $args{main} || '';
    my $workers = $args{workers} || 2;
    my $store = exists $args{store} ? $args{store} : 'pharos_store %%DIR%%/s;';

    # from the source tree, not from where "make install" puts it
    $store .= "\n    pharos_lua $root/lua;"
        if $store ne '' && "$store$http" !~ /pharos_lua/;

    my $dir = $self->{dir};

    # nginx clears the environment, sanitizers read their options there
    $main .= join '', map { "\nenv $_;" } grep { /^[A-Z]+SAN_OPTIONS$/ } keys %ENV;

    # as root, workers are somebody else, as they are in life
    my $user = '';

    if ($> == 0) {
        my ($name) = grep { getpwnam $_ } qw(www-data nobody);
        my $group = getgrgid((getpwnam $name)[3]);
        $user = "user $name $group;";
    }

    my $load = $self->{module} eq '/' ? '' : "load_module $self->{module};";

    my $paths = join "\n", map { "    ${_}_temp_path $dir/tmp_$_;" }
        qw(client_body proxy fastcgi uwsgi scgi);

    $self->write_file('nginx.conf', <<"END");
$load
$user
worker_processes $workers;
pid $dir/nginx.pid;
error_log $dir/error.log $self->{level};
$main

events {
    worker_connections 1024;
}

http {
$paths
    access_log off;
    $store

$http
}
END

    return $self;
}


sub command {
    my ($self, @args) = @_;

    return ($self->{nginx}, '-p', $self->{dir}, '-c',
            "$self->{dir}/nginx.conf", '-e', "$self->{dir}/error.log", @args);
}


# runs nginx with arguments to its end: its exit code and what it said
sub nginx {
    my ($self, @args) = @_;

    my $out = "$self->{dir}/nginx.out";
    my $pid = fork;
    die "fork: $!" unless defined $pid;

    if ($pid == 0) {
        open STDOUT, '>', $out;
        open STDERR, '>&', \*STDOUT;
        exec $self->command(@args) or _exit(127);
    }

    waitpid $pid, 0;
    my $code = $?;

    return ($code, $self->read_file('nginx.out'));
}


# runs the program "pharos": its exit code, and what it said where
sub tool {
    my ($self, @args) = @_;

    my @said = map { "$self->{dir}/tool.$_" } qw(out err);
    my $pid = fork;
    die "fork: $!" unless defined $pid;

    if ($pid == 0) {
        open STDOUT, '>', $said[0];
        open STDERR, '>', $said[1];
        exec { $self->{tool} } 'pharos', @args or _exit(127);
    }

    waitpid $pid, 0;
    my $code = $? & 127 ? "signal $?" : $? >> 8;

    return ($code, map { $self->read_file("tool.$_") } qw(out err));
}


# nginx -t: (0, output) if it is content
sub test_conf { return $_[0]->nginx('-t') }


sub run {
    my ($self) = @_;

    my ($code, $out) = $self->nginx;
    $self->{begun} = 1;

    if ($code != 0) {
        diag($out);
        die 'nginx did not start';
    }

    $self->wait_for(sub { $self->master }, 'the pid file is written');

    return $self;
}


sub signal {
    my ($self, $signal, $pid) = @_;

    $pid ||= $self->master;

    return $pid ? kill($signal, $pid) : 0;
}


# ends nginx by a signal and waits until it is gone
sub stop { return $_[0]->end('TERM') }
sub quit { return $_[0]->end('QUIT') }


sub end {
    my ($self, $signal) = @_;

    my $pid = $self->master or return;

    kill $signal, $pid;

    return $self->wait_for(sub { !alive($pid) }, "master ended by $signal",
                           15);
}


# reloads and waits until the workers and the helper are others
sub reload {
    my ($self) = @_;

    my %old = map { $_ => 1 } $self->workers;

    $self->signal('HUP');

    return $self->wait_for(sub {
        my @now = $self->workers;
        return @now && !grep { $old{$_} } @now;
    }, 'workers are new after a reload');
}


# binary upgrade: the new master beside the old; returns the old one's pid
sub upgrade {
    my ($self) = @_;

    my $old = $self->master;

    $self->signal('USR2');
    $self->wait_for(sub {
        my $now = $self->master;
        return $now && $now != $old && $self->helpers($now);
    }, 'a new master runs');

    return $old;
}


sub master {
    my ($self) = @_;

    my ($pid) = $self->read_file('nginx.pid') =~ /^(\d+)/;

    return $pid && alive($pid) ? $pid : 0;
}


# children of a master (of the present one) whose title matches
sub processes {
    my ($self, $title, $master) = @_;

    $master ||= $self->master or return;

    my @found;

    for my $dir (glob '/proc/[0-9]*') {
        my ($pid) = $dir =~ /(\d+)$/;

        open my $f, '<', "$dir/stat" or next;
        my $stat = <$f>;
        close $f;

        next unless defined $stat && $stat =~ /\) (\S) (\d+)/;
        next if $2 != $master || $1 eq 'Z';

        open $f, '<', "$dir/cmdline" or next;
        local $/;
        my $cmd = <$f>;

        push @found, $pid if defined $cmd && $cmd =~ $title;
    }

    return @found;
}


sub workers { return shift->processes(qr/worker process(?! is)/) }


# helpers(master): those of a master; helper: the one that there is
sub helpers { return $_[0]->processes(qr/pharos monitoring/, $_[1]) }


sub helper {
    my ($self) = @_;

    my @pids = $self->helpers;

    return @pids == 1 ? $pids[0] : 0;
}


# kills the helper, and waits until another one answers in its place
sub kill_helper {
    my ($self) = @_;

    my $old = $self->helper;

    $self->allow(qr/exited on signal 9/);
    kill 'KILL', $old;
    $self->wait_for(sub { my $new = $self->helper; $new && $new != $old },
                    'a killed helper has a successor');

    return $self->wait_ready;
}


sub alive {
    my ($pid) = @_;

    return 0 unless kill(0, $pid) || $!{EPERM};

    open my $f, '<', "/proc/$pid/stat" or return 0;
    my $stat = <$f>;

    return 0 unless defined $stat && $stat =~ /\) (\S)/;

    # the first thread has ended, another may wait for the disk: it holds all
    # sockets until then
    return $1 ne 'Z' || (() = glob "/proc/$pid/task/*") > 1 ? 1 : 0;
}


# polls; an ok() of the name if it comes true, a failed one if not in time
sub wait_for {
    my ($self, $cond, $name, $timeout) = @_;

    my $value = $self->poll($cond, $timeout);

    ok(0, $name) unless $value;

    return $value;
}


sub poll {
    my ($self, $cond, $timeout) = @_;

    my $until = time + ($timeout || 10);

    while (1) {
        my $value = $cond->();
        return $value if $value;
        return if time > $until;
        sleep 0.01;
    }
}


sub wait_ready {
    my ($self, $path, $port) = @_;

    $path = '/-/ready' unless defined $path;

    return $self->wait_for(sub {
        return $self->get($path, port => $port)->{status} == 200;
    }, "$path answers");
}


# HTTP::Tiny's answer: status, content, headers
sub http {
    my ($self, $method, $path, %args) = @_;

    my $port = $self->port($args{port} || 0);

    $self->{client} ||= HTTP::Tiny->new(
        timeout => 30, max_redirect => 0, keep_alive => 0, agent => 'test',
    );

    my %options;
    $options{headers} = $args{headers} if $args{headers};
    $options{content} = $args{content} if defined $args{content};

    return $self->{client}->request($method, "http://127.0.0.1:$port$path",
                                    \%options);
}


sub get {
    my ($self, $path, %args) = @_;

    return $self->http('GET', $path, %args);
}


sub post {
    my ($self, $path, $content, %args) = @_;

    return $self->http('POST', $path, content => $content, %args);
}


# the decoded JSON of an answer, undef if it is none
sub json {
    my ($self, $path, %args) = @_;

    return eval { JSON::PP::decode_json($self->get($path, %args)->{content}) };
}


# bytes as they are, for what no client says; the whole answer
sub raw {
    my ($self, $bytes, %args) = @_;

    my $s = $self->connect($args{port}) or return '';
    my $answer = '';

    local $SIG{PIPE} = 'IGNORE';
    print {$s} $bytes;

    while (IO::Select->new($s)->can_read($args{timeout} || 10)) {
        last unless sysread $s, $answer, 65536, length $answer;
    }

    return $answer;
}


sub connect {
    my ($self, $port) = @_;

    return IO::Socket::INET->new(
        PeerAddr => '127.0.0.1', PeerPort => $self->port($port || 0),
        Proto => 'tcp', Timeout => 10,
    );
}


# the sum of what the text format says of a series, undef if it is not there
sub metric {
    my ($self, $text, $name, %labels) = @_;

    my $sum;

    for (split /\n/, $text) {
        next unless /^(\w+)(?:\{(.*)\})? (\S+)$/ && $1 eq $name;

        my ($found, $value) = ($2, $3);
        my %have = ($found || '') =~ /(\w+)="((?:[^"\\]|\\.)*)"/g;

        next if grep { !defined $have{$_} || $have{$_} ne $labels{$_} }
                keys %labels;

        $sum += $value;
    }

    return $sum;
}


# Runs code again and again in a process of its own until load_stop(), and on
# a slow machine till all was well some times; it returns '' if all is well,
# or what is not.
sub load {
    my ($self, $code) = @_;

    my $n = $self->{nloads}++;
    my $stop = "$self->{dir}/load-$n.stop";
    my $report = "load-$n.json";

    my $pid = $self->child(sub {
        my ($ok, $slowest, @failed) = (0, 0);
        delete $self->{client};

        until (-e $stop && ($ok > 4 || @failed || time - (stat _)[9] > 20)) {
            my $begin = time;
            my $error = $code->();
            my $ms = (time - $begin) * 1000;

            $slowest = $ms if $ms > $slowest;

            if ($error eq '') {
                $ok++;
            } else {
                push @failed, $error;
            }
        }

        $self->write_file($report, JSON::PP::encode_json({
            ok => $ok, failed => \@failed, slowest_ms => $slowest }));
    });

    return { pid => $pid, stop => $stop, report => $report };
}


# { ok => n, failed => [ ... ], slowest_ms => n }
sub load_stop {
    my ($self, $load) = @_;

    open my $f, '>', $load->{stop} or die "open: $!";
    close $f;

    waitpid $load->{pid}, 0;

    return JSON::PP::decode_json($self->read_file($load->{report}));
}


sub child {
    my ($self, $code) = @_;

    my $pid = fork;
    die "fork: $!" unless defined $pid;

    if ($pid == 0) {
        $self->{owner} = 0;
        my $ok = eval { $code->(); 1 };
        print STDERR $@ unless $ok;
        _exit($ok ? 0 : 1);
    }

    push @{ $self->{children} }, $pid;

    return $pid;
}


# A target that answers by what target_set() said last, and remembers what
# it was asked.  Returns its name, for the calls below; its port by
# target_port().
sub target {
    my ($self, %paths) = @_;

    my $n = 'target-' . $self->{ntargets}++;
    my $listener = IO::Socket::INET->new(
        LocalAddr => '127.0.0.1', LocalPort => 0, Listen => 256,
        Proto => 'tcp', ReuseAddr => 1,
    ) or die "no listener: $!";

    $self->{targets}{$n} = $listener->sockport;

    make_path("$self->{dir}/$n");
    $self->target_set($n, $_ => $paths{$_}) for keys %paths;

    $self->child(sub { $self->target_loop($n, $listener) });
    close $listener;

    return $n;
}


sub target_port { return $_[0]{targets}{$_[1]} }


# body: text, or { status, body, type, delay, headers }; hex for other bytes
sub target_set {
    my ($self, $n, $path, $body) = @_;

    $body = { body => $body } unless ref $body;

    $self->write_file("$n/" . unpack('H*', $path) . '.answer',
                      JSON::PP::encode_json($body));

    return;
}


# what it was asked: [ { method, path, headers, body }, ... ]
sub requests {
    my ($self, $n) = @_;

    return map { JSON::PP::decode_json($_) }
           split /\n/, $self->read_file("$n/requests");
}


sub target_loop {
    my ($self, $n, $listener) = @_;

    local $SIG{CHLD} = 'IGNORE';
    my $parent = getppid;

    while (getppid == $parent) {
        next unless IO::Select->new($listener)->can_read(0.5);

        my $c = $listener->accept or next;
        my $pid = fork;

        if (defined $pid && $pid == 0) {
            close $listener;
            eval { $self->target_answer($n, $c) };
            _exit(0);
        }

        close $c;
    }
}


sub target_answer {
    my ($self, $n, $c) = @_;

    my $in = '';

    while (1) {
        until ($in =~ /\r\n\r\n/) {
            return unless sysread $c, $in, 65536, length $in;
        }

        my ($head, $rest) = split /\r\n\r\n/, $in, 2;
        my ($line, @lines) = split /\r\n/, $head;
        my ($method, $uri) = split / /, $line;
        my %headers = map { /^([^:]+):\s*(.*)$/ ? (lc $1, $2) : () } @lines;
        my $length = $headers{'content-length'} || 0;

        while (length $rest < $length) {
            return unless sysread $c, $rest, 65536, length $rest;
        }

        my $body = substr $rest, 0, $length;
        $in = substr $rest, $length;

        open my $f, '>>', "$self->{dir}/$n/requests";
        syswrite $f, JSON::PP::encode_json({
            method => $method, path => $uri, headers => \%headers,
            body => $body }) . "\n";
        close $f;

        (my $path = $uri) =~ s/\?.*//s;
        my $text = $self->read_file("$n/" . unpack('H*', $path) . '.answer');
        my $a = $text ne '' ? JSON::PP::decode_json($text)
                            : { status => 404, body => "no $path\n" };

        sleep $a->{delay} if $a->{delay};

        my $status = $a->{status} || 200;
        my $type = $a->{type} || 'text/plain; version=0.0.4';
        my $out = defined $a->{body} ? $a->{body} : '';
        my %more = %{ $a->{headers} || {} };

        utf8::encode($out) if utf8::is_utf8($out);
        $out = pack 'H*', $a->{hex} if defined $a->{hex};

        print {$c} "HTTP/1.1 $status Status\r\nContent-Type: $type\r\n"
            . join('', map { "$_: $more{$_}\r\n" } sort keys %more)
            . 'Content-Length: ' . length($out) . "\r\n\r\n$out";
        $c->flush;
    }
}


# lines of the log that a test provokes
sub allow {
    my ($self, @patterns) = @_;

    push @{ $self->{allowed} }, @patterns;

    return;
}


sub log_count {
    my ($self, $pattern) = @_;

    return scalar grep { /$pattern/ } split /\n/, $self->read_file('error.log');
}


# stops all, asserts what every test must, and ends the plan
sub done {
    my ($self) = @_;

    if ($self->{begun}) {
        $self->quit if $self->master;
        $self->check_processes;
    }

    $self->check_log;
    $self->tell_log unless Test::More->builder->is_passing;
    $self->clean;

    done_testing();

    return;
}


# what a failure may be explained by, as the folder is gone afterwards
sub tell_log {
    my ($self) = @_;

    my @lines = split /\n/, $self->read_file('error.log');

    diag('the log begins and ends so:') if @lines;
    diag($_) for @lines > 80 ? @lines[0 .. 39, -40 .. -1] : @lines;

    return;
}


sub check_processes {
    my ($self) = @_;

    my @pids = $self->read_file('error.log')
               =~ /start (?:worker|cache manager) process (\d+)/g;

    my $left = $self->poll(sub {
        return !grep { alive($_) && $self->is_ours($_) } @pids;
    }, 5);

    ok($left, 'no process is left behind')
        or diag('left: ', join ' ', grep { alive($_) } @pids);

    return;
}


# whether it is an nginx that writes this test's log: after thousands of
# processes the number of one may be that of another nginx
sub is_ours {
    my ($self, $pid) = @_;

    open my $f, '<', "/proc/$pid/comm" or return 0;
    my $comm = <$f>;

    return 0 unless defined $comm && $comm =~ /nginx/;

    my @files = grep { defined } map { readlink } glob "/proc/$pid/fd/*";

    return 1 unless @files;
    return scalar grep { $_ eq "$self->{dir}/error.log" } @files;
}


sub check_log {
    my ($self) = @_;

    my @bad;

    for my $line (split /\n/, $self->read_file('error.log')) {
        next unless $line =~ /\[(?:alert|crit|emerg)\]
                              |Sanitizer|runtime\ error:/x;
        next if grep { $line =~ $_ } @{ $self->{allowed} };

        push @bad, $line;
    }

    is(scalar @bad, 0, 'no alerts and no sanitizer errors in the log');
    diag($_) for @bad > 20 ? @bad[0 .. 19] : @bad;

    return;
}


sub clean {
    my ($self) = @_;

    return if $self->{cleaned}++;

    for my $pid (@{ $self->{children} }) {
        kill 'KILL', $pid;
        waitpid $pid, 0;
    }

    if ($ENV{PHAROS_KEEP}) {
        diag("kept $self->{dir}");
    } else {
        remove_tree($self->{dir}, { safe => 0 });
    }

    return;
}


sub DESTROY {
    my ($self) = @_;

    return if !$self->{owner} || $self->{owner} != $$ || $self->{cleaned};

    local ($?, $@);

    my $pid = $self->master;
    if ($pid) {
        kill 'TERM', $pid;
        $self->poll(sub { !alive($pid) }, 5) or kill 'KILL', $pid;
    }

    $self->clean;

    return;
}


1;
