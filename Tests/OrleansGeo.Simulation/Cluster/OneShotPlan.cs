using OrleansGeo.Primitives;
using OrleansGeo.Simulation.Checkers.Transactions;
using OrleansGeo.Simulation.Workloads;

namespace OrleansGeo.Simulation;

/// <summary>An abstract transaction played over what was read: what it would write, and what it did as the checkers want it.</summary>
internal sealed class OneShotPlan
{
    private readonly AbstractTransaction _transaction;
    private readonly Dictionary<string, string?> _now = new(StringComparer.Ordinal);

    public OneShotPlan(AbstractTransaction transaction)
    {
        _transaction = transaction;
        Reads = [.. transaction.Steps.SelectMany(ReadBy).Distinct(StringComparer.Ordinal)];
    }

    /// <summary>Keys that have to be read before.</summary>
    public IReadOnlyList<string> Reads { get; }

    /// <summary>What was found there.</summary>
    public Dictionary<string, (string? Value, HlcTimestamp? Version)> Found { get; } = new(StringComparer.Ordinal);

    /// <summary>What the transaction leaves behind.</summary>
    public SortedDictionary<string, string> Writes { get; } = new(StringComparer.Ordinal);

    /// <summary>What it did.</summary>
    public List<MicroOperation> Operations { get; } = [];

    /// <summary>Plays all steps; false when a requirement does not hold.</summary>
    public bool Run()
    {
        foreach (var (key, found) in Found)
        {
            _now[key] = found.Value;
        }

        for (var i = 0; i < _transaction.Steps.Count; i++)
        {
            if (!Play(_transaction.Steps[i], i))
            {
                return false;
            }
        }

        return true;
    }

    private static IEnumerable<string> ReadBy(AbstractStep step) => step switch
    {
        AbstractStep.Get get => [get.Key],
        AbstractStep.GetList get => [get.Key],
        AbstractStep.Append append => [append.Key],
        AbstractStep.Add add => [add.Key],
        AbstractStep.RequireSum require => require.Keys,
        _ => [],
    };

    private bool Play(AbstractStep step, int place)
    {
        switch (step)
        {
            case AbstractStep.Get get:
                Read(get.Key);
                return true;
            case AbstractStep.GetList get:
                Operations.Add(new MicroOperation.ReadList(get.Key, ElementsOf(get.Key)));
                return true;
            case AbstractStep.Put put:
                Write(put.Key, put.Value);
                Operations.Add(new MicroOperation.Write(put.Key, put.Value));
                return true;
            case AbstractStep.Append append:
                var before = ElementsOf(append.Key);
                Operations.Add(new MicroOperation.ReadList(append.Key, before));
                Operations.Add(new MicroOperation.Append(append.Key, append.Element));
                Write(append.Key, string.Join(' ', before.Append(append.Element)));
                return true;
            case AbstractStep.Add add:
                var text = TaggedNumber.Text(TaggedNumber.Of(Read(add.Key)) + add.By, _transaction.Token, place);
                Write(add.Key, text);
                Operations.Add(new MicroOperation.Write(add.Key, text));
                return true;
            case AbstractStep.RequireSum require:
                var sum = 0L;
                foreach (var key in require.Keys)
                {
                    sum += TaggedNumber.Of(Read(key));
                }

                return sum >= require.Least && sum <= require.Most;
            default:
                throw new NotSupportedException($"{step} is for transactions that stay open");
        }
    }

    private string? Read(string key)
    {
        var value = _now.GetValueOrDefault(key);
        Operations.Add(new MicroOperation.Read(key, value, Writes.ContainsKey(key) ? null : Found[key].Version));
        return value;
    }

    private string[] ElementsOf(string key) => _now.GetValueOrDefault(key)?.Split(' ') ?? [];

    private void Write(string key, string value)
    {
        _now[key] = value;
        Writes[key] = value;
    }
}
