namespace OrleansGeo.Membership;

/// <summary>
/// One acceptor as a proposer reaches it. An answer is given only after what it reports is durable. Any exception means that no answer
/// came; the request may still be dealt with, at any later time.
/// </summary>
public interface IAcceptor
{
    /// <summary>Who it has to be.</summary>
    AcceptorIdentity Identity { get; }

    /// <summary>Asks it.</summary>
    Task<AcceptorReply> AskAsync(AcceptorRequest request, CancellationToken cancellation);

    /// <summary>
    /// Writes a whole record, by an operator's decision (<see cref="Seating"/>). False when there is a record that takes part, which is
    /// left as it is.
    /// </summary>
    Task<bool> SeatAsync(AcceptorState state, CancellationToken cancellation);
}
