namespace OrleansGeo.Simulation.Checkers.Transactions;

/// <summary>
/// Finds the order in which the values of each key replaced each other, as far as it shows, and adds what follows from it: who wrote over
/// whom, who read from whom, and who read what another replaced.
/// </summary>
/// <remarks>
/// A list shows its whole order to whoever reads it: every read is a beginning of the longest, and committed appends that nobody read come
/// after that, in an order of their own. A register's order is that of its versions where the store names them. Without them a register
/// that was read and written by one transaction had those two values one after the other, and the first state comes before all.
/// </remarks>
internal sealed class VersionOrders(HistoryIndex index, DependencyGraph graph)
{
    private static readonly IndexedValue[] s_none = [];

    /// <summary>Adds the edges of every key.</summary>
    public void AddEdges(bool isPerKeyLinearizable)
    {
        foreach (var key in index.Keys)
        {
            if (key.IsList)
            {
                AddList(key, isPerKeyLinearizable);
            }
            else
            {
                AddRegister(key);
            }
        }
    }

    private void AddList(IndexedKey key, bool isPerKeyLinearizable)
    {
        var longest = key.Reads.Select(read => read.Elements).MaxBy(elements => elements.Length) ?? s_none;
        var reads = key.Reads.Where(read => longest.AsSpan().StartsWith(read.Elements)).ToList();
        if (key.Reads.Find(read => !longest.AsSpan().StartsWith(read.Elements)) is { } other)
        {
            var longestReader = key.Reads.Find(read => read.Elements == longest)!.Reader;
            index.Report(
                AnomalyKind.IncompatibleOrder,
                $"neither of two reads of '{key.Name}' is a beginning of the other, [{Text(other.Elements)}] and [{Text(longest)}]:",
                other.Reader, longestReader);
        }

        ReportTornAppends(key, longest);
        var seen = longest.ToHashSet();
        var unseen = key.Values.Where(value => value.IsFinal && index.IsIncluded[value.Writer] && !seen.Contains(value)).ToList();
        var order = longest.Where(value => index.IsIncluded[value.Writer]).ToList();
        for (var i = 1; i < order.Count; i++)
        {
            AddWriteWrite(order[i - 1], order[i]);
        }

        if (order.Count > 0)
        {
            unseen.ForEach(value => AddWriteWrite(order[^1], value));
        }

        AddListReads(key, longest, reads, unseen);
        if (isPerKeyLinearizable)
        {
            ReportLost(key, unseen);
        }
    }

    // What one transaction appended is there in its own order, from its first element on. Whether others stand between shows in cycles.
    private void ReportTornAppends(IndexedKey key, IndexedValue[] longest)
    {
        var ofWriters = key.Values.GroupBy(value => value.Writer).Where(group => group.Count() > 1)
            .ToDictionary(group => group.Key, group => new Queue<IndexedValue>(group));
        foreach (var element in longest)
        {
            if (ofWriters.TryGetValue(element.Writer, out var rest) && (!rest.TryDequeue(out var expected) || expected != element))
            {
                index.Report(
                    AnomalyKind.IncompatibleOrder,
                    $"'{key.Name}' is [{Text(longest)}], where the elements of T{element.Writer} are not in the order of its appends:",
                    element.Writer);
                return;
            }
        }
    }

    private void AddListReads(IndexedKey key, IndexedValue[] longest, List<ExternalRead> reads, List<IndexedValue> unseen)
    {
        var last = new List<(int, IndexedValue?)>();
        foreach (var read in reads)
        {
            AddWriteRead(read);
            if (read.Elements.Length < longest.Length)
            {
                var following = longest[read.Elements.Length];
                graph.Add(new(read.Reader, following.Writer, EdgeKind.ReadWrite, key, read.State, following));
            }
            else
            {
                last.Add((read.Reader, read.State));
            }
        }

        graph.AddAll(EdgeKind.ReadWrite, key, last, unseen.ConvertAll(value => (value.Writer, value)));
    }

    private void ReportLost(IndexedKey key, List<IndexedValue> unseen)
    {
        if (key.Reads.MaxBy(read => index.Transactions[read.Reader].InvokedAtMicros) is not { } latest)
        {
            return;
        }

        foreach (var value in unseen)
        {
            var append = index.Transactions[value.Writer];
            if (append.Outcome == TransactionOutcome.Committed
                && append.ReturnedAtMicros < index.Transactions[latest.Reader].InvokedAtMicros)
            {
                index.Report(
                    AnomalyKind.LostAppend,
                    $"T{value.Writer} had appended {value} to '{key.Name}' when T{latest.Reader} began, and nobody ever read it:",
                    value.Writer, latest.Reader);
            }
        }
    }

    private void AddRegister(IndexedKey key)
    {
        var values = key.Values.Where(value => value.IsFinal && index.IsIncluded[value.Writer]).ToList();
        var ordered = values.Where(value => value.Version is not null)
            .OrderBy(value => value.Version!.Value).ThenBy(value => value.Id).ToList();
        var successors = values.ToDictionary(value => value, _ => new List<IndexedValue>());
        for (var i = 1; i < ordered.Count; i++)
        {
            if (ordered[i].Version == ordered[i - 1].Version)
            {
                index.Report(
                    AnomalyKind.ConflictingVersions,
                    $"{ordered[i - 1]} and {ordered[i]} of '{key.Name}' have one version, {ordered[i].Version}:",
                    ordered[i - 1].Writer, ordered[i].Writer);
            }

            successors[ordered[i - 1]].Add(ordered[i]);
        }

        var isComplete = ordered.Count == values.Count;
        if (!isComplete)
        {
            AddReadThenWritten(key, values, successors);
        }

        foreach (var value in values)
        {
            successors[value].ForEach(successor => AddWriteWrite(value, successor));
        }

        AddRegisterReads(key, successors, isComplete ? [.. ordered.Take(1)] : values);
    }

    private static void AddReadThenWritten(
        IndexedKey key, List<IndexedValue> values, Dictionary<IndexedValue, List<IndexedValue>> successors)
    {
        var written = values.ToDictionary(value => value.Writer);
        foreach (var read in key.Reads)
        {
            if (read.Value is { } value && successors.TryGetValue(value, out var after) && written.TryGetValue(read.Reader, out var next)
                && !after.Contains(next))
            {
                after.Add(next);
            }
        }
    }

    private void AddRegisterReads(
        IndexedKey key, Dictionary<IndexedValue, List<IndexedValue>> successors, IReadOnlyList<IndexedValue> afterFirstState)
    {
        var first = new List<(int, IndexedValue?)>();
        foreach (var read in key.Reads)
        {
            AddWriteRead(read);
            if (read.Value is null)
            {
                first.Add((read.Reader, null));
            }
            else if (successors.TryGetValue(read.Value, out var following))
            {
                following.ForEach(value => graph.Add(new(read.Reader, value.Writer, EdgeKind.ReadWrite, key, read.Value, value)));
            }
        }

        graph.AddAll(EdgeKind.ReadWrite, key, first, [.. afterFirstState.Select(value => (value.Writer, value))]);
    }

    private void AddWriteWrite(IndexedValue before, IndexedValue after) =>
        graph.Add(new(before.Writer, after.Writer, EdgeKind.WriteWrite, before.Key, before, after));

    private void AddWriteRead(ExternalRead read)
    {
        if (read.State is { } value && index.IsIncluded[value.Writer])
        {
            graph.Add(new(value.Writer, read.Reader, EdgeKind.WriteRead, value.Key, value, value));
        }
    }

    private static string Text(IndexedValue[] elements) => string.Join(' ', elements.Select(element => element.Text));
}
