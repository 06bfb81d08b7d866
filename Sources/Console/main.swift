internal import AsyncHTTPClient
internal import ArgumentParser
print("x")
