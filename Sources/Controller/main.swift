internal import Hummingbird
internal import HummingbirdTLS
internal import ServiceLifecycle
internal import ArgumentParser
internal import Yams
print("x")
