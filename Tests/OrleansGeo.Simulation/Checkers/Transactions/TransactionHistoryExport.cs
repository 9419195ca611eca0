namespace OrleansGeo.Simulation.Checkers.Transactions;

/// <summary>Writes histories of transactions for checkers of other people. <c>docs/checking-histories.md</c> says how to run
/// them.</summary>
public static class TransactionHistoryExport
{
    /// <summary>
    /// One EDN map per event and line, in the form of Elle: a history of lists is for its list-append checker, one of registers for
    /// rw-register. A span is written as a read of each of its keys that anyone named; a removal writes nil.
    /// </summary>
    public static void WriteElle(TransactionHistory history, TextWriter output)
    {
        var index = new HistoryIndex(history.Transactions);
        EdnEvents.Write(
            [.. history.Transactions.Select(transaction => new EdnEntry(
                transaction.Id,
                transaction.Client,
                transaction.InvokedAtMicros,
                transaction.ReturnedAtMicros,
                AnswerType(transaction.Outcome)))],
            output,
            (id, isAnswer) =>
            {
                var transaction = history.Transactions[id];
                var isAnswered = isAnswer && transaction.Outcome == TransactionOutcome.Committed;
                return $":f :txn, :value [{string.Join(' ', transaction.Operations.SelectMany(step => Step(step, isAnswered, index)))}]";
            });
    }

    private static string AnswerType(TransactionOutcome outcome) => outcome switch
    {
        TransactionOutcome.Committed => ":ok",
        TransactionOutcome.Aborted => ":fail",
        _ => ":info",
    };

    private static IEnumerable<string> Step(MicroOperation step, bool isAnswered, HistoryIndex index) => step switch
    {
        MicroOperation.Append append => [$"[:append {EdnEvents.Quote(append.Key)} {EdnEvents.Quote(append.Element)}]"],
        MicroOperation.Write write => [$"[:w {EdnEvents.Quote(write.Key)} {EdnEvents.Quote(write.Value)}]"],
        MicroOperation.ReadList read => [Read(read.Key, isAnswered ? List(read.Elements) : "nil")],
        MicroOperation.Read read => [Read(read.Key, isAnswered ? EdnEvents.Quote(read.Value) : "nil")],
        _ => Rows((MicroOperation.Scan)step, isAnswered, index),
    };

    private static IEnumerable<string> Rows(MicroOperation.Scan scan, bool isAnswered, HistoryIndex index)
    {
        var rows = (scan.Rows ?? []).ToLookup(row => row is MicroOperation.ReadList list ? list.Key : ((MicroOperation.Read)row).Key);
        return index.KeysOf(scan).ToArray().SelectMany(key => rows[key.Name].Any()
            ? rows[key.Name].SelectMany(row => Step(row, isAnswered, index))
            : [Read(key.Name, isAnswered && key.IsList ? "[]" : "nil")]);
    }

    private static string Read(string key, string value) => $"[:r {EdnEvents.Quote(key)} {value}]";

    private static string List(IReadOnlyList<string>? elements) =>
        elements is null ? "nil" : $"[{string.Join(' ', elements.Select(EdnEvents.Quote))}]";
}
