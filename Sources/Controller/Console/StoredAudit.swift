import Store

/// The store's record of the audit log. The machine has a type of the same name, and the module's
/// name is that of its protocol, so that only a file that sees the store alone can name it.
typealias StoredAudit = AuditRecord
