internal import X509
internal import Crypto
