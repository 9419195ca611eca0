using System.Collections.Immutable;
using OrleansGeo.Primitives;
using OrleansGeo.Transactions;

namespace OrleansGeo.Engine;

/// <summary>A write of an open transaction on its way to what the transaction will leave behind.</summary>
/// <param name="Table">The table.</param>
/// <param name="Key">The row's key, defaults filled in.</param>
/// <param name="Write">The write on the stored key.</param>
internal sealed record StepWrite(TableInfo Table, ImmutableArray<Datum> Key, KeyWrite Write);

/// <summary>Writes of an open transaction, evaluated on what it sees and held back. Pure.</summary>
internal static class OpenWrites
{
    /// <summary>
    /// The rows that have to be looked at before writes can be evaluated: what a write demands of a row, or does to it, shows at once, and
    /// a row that is taken away must be known to have been there. A row of a span that was read is looked at by itself, so that the commit
    /// holds it to be as it was when it writes it.
    /// </summary>
    public static Dictionary<Key, (string Table, ImmutableArray<Datum> Key)> ToRead(
        OpenTransaction transaction, IEnumerable<StepWrite> writes)
    {
        var rows = new Dictionary<Key, (string Table, ImmutableArray<Datum> Key)>();
        foreach (var (table, key, write) in writes)
        {
            var isBlind = write.Kind == WriteKind.Put && write.Precondition == Precondition.None
                && !transaction.Spans.Exists(span => span.Contains(write.Key));
            var isKnown = transaction.Writes.ContainsKey(write.Key) && transaction.Rows.ContainsKey(write.Key);
            if (!isBlind && !isKnown)
            {
                rows[write.Key] = (table.Spec.Name, key);
            }
        }

        return rows;
    }

    /// <summary>What the transaction will leave behind; or why one of the writes is refused, and then none is made.</summary>
    /// <param name="transaction">The transaction.</param>
    /// <param name="writes">The writes, in order; a row may be written again.</param>
    /// <param name="found">The rows of <see cref="ToRead"/> as they are stored.</param>
    /// <param name="refusal">Why not.</param>
    public static ImmutableSortedDictionary<Key, WrittenRow> Apply(
        OpenTransaction transaction, IReadOnlyList<StepWrite> writes, IReadOnlyDictionary<Key, FoundValue> found, out GeoError? refusal)
    {
        refusal = null;
        var all = transaction.Writes.ToBuilder();
        var order = all.Count == 0 ? 0 : all.Values.Max(row => row.Order) + 1;
        for (var i = 0; i < writes.Count; i++)
        {
            var (table, key, write) = writes[i];
            var before = all.TryGetValue(write.Key, out var own) ? own.Value : found.GetValueOrDefault(write.Key)?.Value;
            var version = transaction.Rows.GetValueOrDefault(write.Key)?.Version ?? HlcTimestamp.Zero;
            byte[]? after = null;
            if ((WriteRules.Refuses(write, before is not null, version) ?? Evaluate(write, before, out after)) is { } reason)
            {
                refusal = TransactionRefusals.Write(i, RowWrites.Refusal(table, new(i, reason, version)));
                return transaction.Writes;
            }

            all[write.Key] = new(table, key, after, own?.Order ?? order++);
        }

        refusal = CheckSize(all);
        return refusal is null ? all.ToImmutable() : transaction.Writes;
    }

    private static RefusalReason? Evaluate(KeyWrite write, byte[]? before, out byte[]? after)
    {
        (after, var reason) = WriteRules.Result(write, before);
        return reason;
    }

    private static GeoError? CheckSize(ImmutableSortedDictionary<Key, WrittenRow>.Builder all)
    {
        if (all.Count > GeoLimits.TransactionStepsMax)
        {
            return OpenTransactionErrors.TooMany("writes", "rows that it writes", GeoLimits.TransactionStepsMax);
        }

        var bytes = OpenTransaction.BytesOf(all);
        return bytes <= GeoLimits.TransactionBytesMax ? null : TransactionRefusals.TooLarge(bytes);
    }
}
