using System.Globalization;
using OrleansGeo.Primitives;
using OrleansGeo.Simulation.Checkers.Transactions;

namespace OrleansGeo.Simulation.Workloads;

/// <summary>
/// Reads of and appends to a few lists, up to four in a transaction. A list that is full makes room for a new one, so that reads stay
/// short. The look for cycles is the whole check, and it is a complete one.
/// </summary>
public sealed class ListAppendWorkload(TransactionCheckOptions options, int lists = 3, int appendsPerList = 40)
    : TransactionWorkload(options)
{
    private readonly (int List, int Appends)[] _open = [.. Enumerable.Range(0, lists).Select(i => (i, 0))];
    private int _lists = lists;
    private int _elements;

    /// <inheritdoc />
    public override string Name => "list-append";

    /// <inheritdoc />
    public override AbstractTransaction Next(int client, Prng prng)
    {
        var steps = new AbstractStep[prng.Between(1, 4)];
        for (var i = 0; i < steps.Length; i++)
        {
            var slot = prng.Below(_open.Length);
            steps[i] = prng.Chance(0.5) ? new AbstractStep.GetList(Key(slot)) : Append(slot);
        }

        return Make(steps);
    }

    /// <inheritdoc />
    protected override IEnumerable<string> Findings(IReadOnlyList<Transaction> transactions) => [];

    private AbstractStep.Append Append(int slot)
    {
        if (_open[slot].Appends++ == appendsPerList)
        {
            _open[slot] = (_lists++, 1);
        }

        return new(Key(slot), (++_elements).ToString(CultureInfo.InvariantCulture));
    }

    private string Key(int slot) => $"list/{_open[slot].List:D5}";
}

/// <summary>Reads and writes of a few registers, up to four in a transaction, sometimes a scan of all of them.</summary>
public sealed class RegisterWorkload(TransactionCheckOptions options, int registers = 4) : TransactionWorkload(options)
{
    /// <inheritdoc />
    public override string Name => "register";

    /// <inheritdoc />
    public override AbstractTransaction Next(int client, Prng prng)
    {
        if (prng.Chance(0.1))
        {
            return Make(new AbstractStep.Span("register/", "register/~"));
        }

        var steps = new AbstractStep[prng.Between(1, 4)];
        for (var i = 0; i < steps.Length; i++)
        {
            var key = $"register/{prng.Below(registers)}";
            steps[i] = prng.Chance(0.5) ? new AbstractStep.Get(key) : new AbstractStep.Put(key, NewValue());
        }

        return Make(steps);
    }

    /// <inheritdoc />
    protected override IEnumerable<string> Findings(IReadOnlyList<Transaction> transactions) => [];
}
