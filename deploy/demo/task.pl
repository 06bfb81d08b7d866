#!/usr/bin/perl
# A handler to try Muster with: does something small and real for each of the known types of tasks,
# and writes down in a ledger that it ran, so that it can be counted afterwards.
#
#   task.pl LEDGER TYPE
#
# Nothing of a task becomes a path: account and attributes only ever stand in lines of text.
use strict;
use warnings;
use Fcntl qw(:flock);

my ($ledger, $type) = @ARGV;
defined $type or die "usage: task.pl LEDGER TYPE\n";
$| = 1;

# One line in one write under a lock: lines of many tasks do not mix.
my $account = $ENV{MUSTER_ACCOUNT} // '';
$account =~ s/[^A-Za-z0-9._-]/_/g;
my $line = join(' ', $ENV{MUSTER_TASK} // 0, $ENV{MUSTER_ATTEMPT} // 0, $type,
    $ENV{MUSTER_NODE} // '-', $account eq '' ? '-' : $account) . "\n";
open my $file, '>>', $ledger or die "$ledger: $!\n";
flock $file, LOCK_EX or die "$ledger: $!\n";
syswrite $file, $line;
close $file;

# An attribute that asks for trouble, to see what follows: outcome=fail, outcome=fail-for-good.
my $outcome = $ENV{MUSTER_ATTRIBUTE_OUTCOME} // '';
exit 1  if $outcome eq 'fail';
exit 65 if $outcome eq 'fail-for-good';

if ($type eq 'PUSH') {
    my $bytes = 0;
    while (read STDIN, my $piece, 65536) { $bytes += length $piece }
    print "$bytes bytes for $account are on their way\n";
}
elsif ($type eq 'PULL') {
    exec '/bin/cat';
}
elsif ($type eq 'PGP') {
    exec '/usr/bin/sha256sum';
}
elsif ($type eq 'FM_TRIGGERED') {
    my $files = 0;
    $files++ while <STDIN>;
    print "$files files were found\n";
}
else {
    exec '/bin/df', '-P', '/';
}
die "exec: $!\n" if $type =~ /^(PULL|PGP|MAINTENANCE)$/;
