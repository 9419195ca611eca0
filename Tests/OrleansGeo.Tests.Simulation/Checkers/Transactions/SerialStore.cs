using System.Globalization;
using OrleansGeo.Primitives;
using OrleansGeo.Simulation.Checkers;
using OrleansGeo.Simulation.Checkers.Transactions;

namespace OrleansGeo.Tests.Simulation.Checkers.Transactions;

/// <summary>What keys a history is about.</summary>
public enum KeyStyle
{
    Lists,
    Registers,
    VersionedRegisters,
}

/// <summary>
/// A store that runs one transaction at a time, at one moment between its beginning and its end, and four clients whose every step is one
/// byte: fewer bytes are a smaller history. What comes of it is strictly serializable and keeps sessions.
/// </summary>
internal sealed class SerialStore
{
    private const int Clients = 4;
    private const int OperationsMax = 4;
    private static readonly string[] s_keys = ["a", "b", "c"];
    private readonly KeyStyle _style;
    private readonly TransactionHistory _history = new();
    private readonly Dictionary<string, List<string>> _lists = s_keys.ToDictionary(key => key, _ => new List<string>());
    private readonly Dictionary<string, (string? Value, HlcTimestamp? Version)> _registers = s_keys.ToDictionary(key => key, _ => Nothing);
    private readonly Client[] _clients = [.. Enumerable.Range(0, Clients).Select(_ => new Client())];
    private long _now;
    private int _values;
    private int _commits;

    private SerialStore(KeyStyle style)
    {
        _style = style;
    }

    private static (string? Value, HlcTimestamp? Version) Nothing => (null, null);

    public static TransactionHistory Run(IEnumerable<byte> steps, KeyStyle style)
    {
        var store = new SerialStore(style);
        foreach (var step in steps)
        {
            store._now += 10;
            store.Step(step % Clients, step / Clients);
        }

        return store._history;
    }

    public static TransactionHistory Run(Prng prng, int steps, KeyStyle style)
    {
        var bytes = new byte[steps];
        prng.Fill(bytes);
        return Run(bytes, style);
    }

    private void Step(int id, int action)
    {
        var client = _clients[id];
        if (client.Transaction < 0)
        {
            client.Transaction = _history.Begin(id, _now);
            client.Planned.Clear();
            client.Done = null;
        }
        else if (client.Done is { } done)
        {
            _history.Committed(client.Transaction, done.Operations, _now, done.Version);
            client.Transaction = -1;
        }
        else if (client.Planned.Count == 0 || (action < 40 && client.Planned.Count < OperationsMax))
        {
            client.Planned.Add(Plan(action));
            _history.Did(client.Transaction, [.. client.Planned]);
        }
        else
        {
            End(client, action);
        }
    }

    private void End(Client client, int action)
    {
        switch (action % 16)
        {
            case 0:
                _history.Aborted(client.Transaction, [.. client.Planned], _now);
                client.Transaction = -1;
                break;
            case 1:
                _history.Unknown(client.Transaction, [.. client.Planned], _now);
                client.Transaction = -1;
                break;
            case 2:
                Execute(client.Planned);
                _history.Unknown(client.Transaction, [.. client.Planned], _now);
                client.Transaction = -1;
                break;
            default:
                client.Done = Execute(client.Planned);
                break;
        }
    }

    private MicroOperation Plan(int action)
    {
        var key = s_keys[action / 4 % s_keys.Length];
        if (action % 20 == 19)
        {
            return new MicroOperation.Scan("a", "c", null);
        }

        var isRead = action % 2 == 0;
        var value = isRead ? "" : (++_values).ToString(CultureInfo.InvariantCulture);
        return (_style, isRead) switch
        {
            (KeyStyle.Lists, true) => new MicroOperation.ReadList(key, null),
            (KeyStyle.Lists, false) => new MicroOperation.Append(key, value),
            (_, true) => new MicroOperation.Read(key, null) { IsAnswered = false },
            _ => new MicroOperation.Write(key, value),
        };
    }

    private (MicroOperation[] Operations, HlcTimestamp? Version) Execute(List<MicroOperation> planned)
    {
        HlcTimestamp? version = _style == KeyStyle.VersionedRegisters ? HlcTimestamp.FromMillis(++_commits) : null;
        return ([.. planned.Select(operation => Execute(operation, version))], version);
    }

    private MicroOperation Execute(MicroOperation operation, HlcTimestamp? version)
    {
        switch (operation)
        {
            case MicroOperation.Append append:
                _lists[append.Key].Add(append.Element);
                return append;
            case MicroOperation.Write write:
                _registers[write.Key] = (write.Value, version);
                return write;
            case MicroOperation.ReadList read:
                return Read(read.Key);
            case MicroOperation.Read read:
                return Read(read.Key);
            default:
                var scan = (MicroOperation.Scan)operation;
                return scan with { Rows = [.. s_keys.Where(key => scan.Covers(key) && IsThere(key)).Select(Read)] };
        }
    }

    private bool IsThere(string key) => _lists[key].Count > 0 || _registers[key].Value is not null;

    private MicroOperation Read(string key) => _style == KeyStyle.Lists
        ? new MicroOperation.ReadList(key, [.. _lists[key]])
        : new MicroOperation.Read(key, _registers[key].Value, _registers[key].Version);

    private sealed class Client
    {
        public int Transaction { get; set; } = -1;

        public List<MicroOperation> Planned { get; } = [];

        public (MicroOperation[] Operations, HlcTimestamp? Version)? Done { get; set; }
    }
}
