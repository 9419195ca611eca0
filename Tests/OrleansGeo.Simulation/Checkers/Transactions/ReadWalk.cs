namespace OrleansGeo.Simulation.Checkers.Transactions;

/// <summary>
/// Walks through every committed transaction as if it were alone: what it read of its own writes has to be there, and what it read of
/// others is kept as one state a key. A transaction of unknown outcome whose write was met committed too, and is walked through in turn.
/// </summary>
internal sealed class ReadWalk
{
    private readonly HistoryIndex _index;
    private readonly Queue<int> _committed = [];
    private readonly HashSet<(AnomalyKind, int)> _reported = [];
    private readonly HashSet<(int Key, string Text)> _unwritten = [];
    private readonly Dictionary<IndexedKey, KeyView> _views = [];
    private int _lists;
    private Transaction _reader = null!;

    private ReadWalk(HistoryIndex index)
    {
        _index = index;
    }

    public static void Run(HistoryIndex index)
    {
        var walk = new ReadWalk(index);
        foreach (var transaction in index.Transactions.Where(transaction => transaction.Outcome == TransactionOutcome.Committed))
        {
            walk.Include(transaction.Id);
        }

        while (walk._committed.TryDequeue(out var id))
        {
            walk.Walk(index.Transactions[id]);
        }

        var written = index.Keys.SelectMany(key => key.Values).Where(value => index.IsIncluded[value.Writer]).ToList();
        walk.ShareVersions(written);
        foreach (var value in written.Where(value => value.IsFinal))
        {
            value.Key.Writers.Add(value.Writer);
        }
    }

    // Everything that a transaction wrote has one version, so who read some of it knows the version of the rest.
    private void ShareVersions(List<IndexedValue> written)
    {
        var known = new Dictionary<int, IndexedValue>();
        foreach (var value in written.Where(value => value.Version is not null))
        {
            if (!known.TryAdd(value.Writer, value) && known[value.Writer].Version != value.Version
                && _reported.Add((AnomalyKind.ConflictingVersions, value.Id)))
            {
                var first = known[value.Writer];
                _index.Report(
                    AnomalyKind.ConflictingVersions,
                    $"T{value.Writer} wrote {first} with version {first.Version} and {value} with {value.Version}:", value.Writer);
            }
        }

        foreach (var value in written.Where(value => known.ContainsKey(value.Writer)))
        {
            value.Version ??= known[value.Writer].Version;
        }
    }

    private void Include(int id)
    {
        if (!_index.IsIncluded[id])
        {
            _index.IsIncluded[id] = true;
            _committed.Enqueue(id);
        }
    }

    private void Walk(Transaction transaction)
    {
        _reader = transaction;
        _views.Clear();
        foreach (var operation in transaction.Operations)
        {
            switch (operation)
            {
                case MicroOperation.Append append:
                    ViewOf(append.Key).Appended.Add(append.Element);
                    break;
                case MicroOperation.Write write:
                    var written = ViewOf(write.Key);
                    (written.IsKnown, written.IsOwn, written.Value) = (true, true, write.Value);
                    break;
                case MicroOperation.ReadList { Elements: { } elements } read:
                    List(ViewOf(read.Key), elements);
                    break;
                case MicroOperation.Read { IsAnswered: true } read:
                    Register(ViewOf(read.Key), read);
                    break;
                case MicroOperation.Scan { Rows: not null } scan:
                    Scan(scan);
                    break;
                default:
                    break;
            }
        }
    }

    private void Scan(MicroOperation.Scan scan)
    {
        var rows = new Dictionary<string, MicroOperation>(StringComparer.Ordinal);
        foreach (var row in scan.Rows!)
        {
            var name = row is MicroOperation.ReadList list ? list.Key : ((MicroOperation.Read)row).Key;
            if (!rows.TryAdd(name, row) || !scan.Covers(name))
            {
                Report(AnomalyKind.Internal, _reader.Id, $"T{_reader.Id} scanned and met '{name}' twice, or outside of the span:");
            }
        }

        foreach (var key in _index.KeysOf(scan))
        {
            var row = rows.GetValueOrDefault(key.Name);
            if (key.IsList)
            {
                List(ViewOf(key.Name), (row as MicroOperation.ReadList)?.Elements ?? []);
            }
            else
            {
                Register(ViewOf(key.Name), row as MicroOperation.Read ?? new(key.Name, null));
            }
        }
    }

    private void List(KeyView view, IReadOnlyList<string> elements)
    {
        var expectedCount = (view.Elements?.Count ?? 0) + view.Appended.Count;
        var own = view.Appended.Count;
        var isOwnSeen = elements.Count >= own && elements.Skip(elements.Count - own).SequenceEqual(view.Appended);
        var isSame = view.Elements is not { } before
            || (elements.Count == expectedCount && elements.Take(before.Count).SequenceEqual(before));
        if (!isOwnSeen || !isSame)
        {
            var expected = string.Join(' ', (view.Elements ?? ["..."]).Concat(view.Appended));
            var read = string.Join(' ', elements);
            Internal($"T{_reader.Id} read '{view.Key.Name}' as [{read}], and by what it read and did before it is [{expected}]:");
            return;
        }

        if (view.Elements is null)
        {
            var met = elements.Take(elements.Count - own).Select(element => Met(view.Key, element)).ToArray();
            if (!met.Contains(null) && !HasDuplicate(view.Key, met!))
            {
                var external = new ExternalRead(_reader.Id, met!, null);
                view.Key.Reads.Add(external);
                NoteIntermediate(external);
            }
        }

        view.Elements = elements;
        view.Appended.Clear();
    }

    private void Register(KeyView view, MicroOperation.Read read)
    {
        if (view.IsKnown)
        {
            if (view.Value != read.Value)
            {
                var source = view.IsOwn ? "it wrote" : "it had read";
                Internal($"T{_reader.Id} read '{view.Key.Name}' as {read.Value ?? "nothing"} after {source} {view.Value ?? "nothing"}:");
            }

            return;
        }

        (view.IsKnown, view.Value) = (true, read.Value);
        if (read.Value is null)
        {
            Absent(view.Key);
            return;
        }

        if (Met(view.Key, read.Value) is { } value)
        {
            if (read.Version is { } version && value.Version is { } known && version != known)
            {
                Report(
                    AnomalyKind.ConflictingVersions, value.Id,
                    $"{value} of '{view.Key.Name}' has version {known}, and was read with {version}:", value.Writer);
            }

            value.Version ??= read.Version;
            var external = new ExternalRead(_reader.Id, [], value);
            view.Key.Reads.Add(external);
            NoteIntermediate(external);
        }
    }

    // A key that may have been removed can be absent for several reasons; then nothing follows from it.
    private void Absent(IndexedKey key)
    {
        var mayBeRemoved = key.Values.Exists(value =>
            value.Text is null && _index.Transactions[value.Writer].Outcome != TransactionOutcome.Aborted);
        if (!mayBeRemoved)
        {
            key.Reads.Add(new(_reader.Id, [], null));
        }
    }

    private IndexedValue? Met(IndexedKey key, string text)
    {
        if (!key.ByText.TryGetValue(text, out var value))
        {
            if (_unwritten.Add((key.Id, text)))
            {
                _index.Report(AnomalyKind.Unwritten, $"T{_reader.Id} read '{text}' in '{key.Name}', which nobody wrote:", _reader.Id);
            }

            return null;
        }

        if (value.Writer == _reader.Id)
        {
            Internal($"T{_reader.Id} read {value} in '{key.Name}' before it wrote it:");
            return null;
        }

        if (_index.Transactions[value.Writer].Outcome == TransactionOutcome.Aborted)
        {
            Report(
                AnomalyKind.G1a, value.Id,
                $"T{_reader.Id} read {value} in '{key.Name}', which T{value.Writer} wrote, and that aborted:", value.Writer);
        }
        else
        {
            Include(value.Writer);
        }

        return value;
    }

    private bool HasDuplicate(IndexedKey key, IndexedValue[] met)
    {
        _lists++;
        foreach (var value in met)
        {
            if (value.LastMetIn == _lists)
            {
                Report(AnomalyKind.DuplicateElement, value.Id, $"T{_reader.Id} read {value} in '{key.Name}' twice:", value.Writer);
                return true;
            }

            value.LastMetIn = _lists;
        }

        return false;
    }

    private void NoteIntermediate(ExternalRead read)
    {
        if (read.State is { IsFinal: false } value && _index.Transactions[value.Writer].Outcome != TransactionOutcome.Aborted)
        {
            Report(
                AnomalyKind.G1b, value.Id,
                $"T{_reader.Id} read '{value.Key.Name}' as {value} left it, and T{value.Writer} wrote it again after that:", value.Writer);
        }
    }

    private void Internal(string explanation) => Report(AnomalyKind.Internal, _reader.Id, explanation);

    private void Report(AnomalyKind kind, int subject, string explanation, params int[] others)
    {
        if (_reported.Add((kind, subject)))
        {
            _index.Report(kind, explanation, [.. others, _reader.Id]);
        }
    }

    private KeyView ViewOf(string name)
    {
        var key = _index.Key(name);
        if (!_views.TryGetValue(key, out var view))
        {
            _views.Add(key, view = new(key));
        }

        return view;
    }

    // What the transaction knows of a key.
    private sealed class KeyView(IndexedKey key)
    {
        public IndexedKey Key => key;

        // Of a list: as it was last read, and what was appended since.
        public IReadOnlyList<string>? Elements { get; set; }

        public List<string> Appended { get; } = [];

        // Of a register.
        public bool IsKnown { get; set; }

        public bool IsOwn { get; set; }

        public string? Value { get; set; }
    }
}
