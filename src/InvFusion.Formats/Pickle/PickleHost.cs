namespace InvFusion.Formats.Pickle;

/// <summary>What the user of a pickle knows about its objects. The answers are data; this is the only way that a pickle reaches code.</summary>
internal abstract class PickleHost
{
    /// <summary>The object behind a persistent id, a reference out of the pickle.</summary>
    public abstract object? LoadPersistent(object? id);

    /// <summary>The result of calling a known function or class, or null to keep the call as a <see cref="PickleObject"/>.</summary>
    public abstract object? Call(PickleGlobal function, object?[] arguments);
}
