#!/usr/bin/perl
# A service to try Muster with: answers HTTP on a port, or only stays until it is told to stop.
#
#   service.pl NAME [PORT]
use strict;
use warnings;
use IO::Socket::INET;

my ($name, $port) = @ARGV;
$0 = "demo service $name";
my $stopping = 0;
$SIG{TERM} = sub { $stopping = 1 };
$| = 1;
print "$name has started\n";

if (!defined $port) {
    sleep 3600 until $stopping;
}
else {
    my $listener = IO::Socket::INET->new(
        LocalAddr => '127.0.0.1',
        LocalPort => $port,
        Listen    => 16,
        ReuseAddr => 1,
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
