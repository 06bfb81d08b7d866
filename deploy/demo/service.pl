#!/usr/bin/perl
# A service to try Muster with: answers HTTP on a port, or only stays until it is told to stop.
#
#   service.pl NAME [PORT]
#   service.pl NAME - LEDGER    writes a line "SITE TOKEN" to the ledger 20 times a second: what it
#                               does to the world, so that it can be seen afterwards who did what when
use strict;
use warnings;
use Fcntl qw(:flock);
use IO::Socket::INET;

my ($name, $port, $ledger) = @ARGV;
$port = undef if defined $port && $port eq '-';
$0 = "demo service $name";
my $stopping = 0;
$SIG{TERM} = sub { $stopping = 1 };
$| = 1;
print "$name has started\n";

if (defined $ledger) {
    open my $file, '>>', $ledger or die "$ledger: $!\n";
    until ($stopping) {
        # In one write under a lock: the order of the lines is the order in which they were done.
        flock $file, LOCK_EX or die "$ledger: $!\n";
        syswrite $file, "$ENV{MUSTER_SITE} $ENV{MUSTER_TOKEN}\n" unless $stopping;
        flock $file, LOCK_UN;
        select undef, undef, undef, 0.05;
    }
}
elsif (!defined $port) {
    # Short: a signal between the look and the sleep would be waited out.
    select undef, undef, undef, 0.2 until $stopping;
}
else {
    my $listener = IO::Socket::INET->new(
        LocalAddr => '127.0.0.1',
        LocalPort => $port,
        Listen    => 16,
        ReuseAddr => 1,
        Timeout   => 0.2,
    ) or die "port $port: $!\n";
    until ($stopping) {
        my $client = $listener->accept or next;
        # The request's lines, until the empty one.
        while (defined(my $line = <$client>)) { last if $line =~ /^\r?\n$/ }
        my $body = "$name is here\n";
        print $client "HTTP/1.1 200 OK\r\nContent-Length: " . length($body)
            . "\r\nConnection: close\r\n\r\n$body";
        close $client;
    }
}
print "$name has stopped\n";
