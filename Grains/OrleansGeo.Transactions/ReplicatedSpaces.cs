using OrleansGeo.Primitives;

namespace OrleansGeo.Transactions;

/// <summary>
/// Everything a range replicates, in the order of its storage keys: request records, versions, intents, transaction records, and the
/// threshold below which versions may be gone. Each of these
/// spaces begins with a byte of its own and is ordered by user keys, so that a span of keys is one stretch in each.
/// </summary>
public static class ReplicatedSpaces
{
    /// <summary>The stretches that belong to a span of keys.</summary>
    public static StorageBounds[] Of(KeySpan span) =>
    [
        RequestRecordKey.SpanBounds(span), MvccKey.SpanBounds(span), IntentKey.SpanBounds(span), TransactionRecordKey.SpanBounds(span),
        VersionThreshold.SpanBounds(span),
    ];
}
