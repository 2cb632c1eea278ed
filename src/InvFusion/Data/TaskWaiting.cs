namespace InvFusion.Data;

/// <summary>Waiting for a task whose failure is looked at elsewhere.</summary>
internal static class TaskWaiting
{
    /// <summary>Waits until the task has ended, in whatever way.</summary>
    /// <exception cref="OperationCanceledException">The wait was cancelled.</exception>
    public static void WaitWithoutThrow(this Task task, CancellationToken cancellation = default) => Task.WhenAny(task).Wait(cancellation);
}
