"""Tasks that are trained otherwise than the rest of the study."""

from lowland.training import TrainingPlan

OPTIONS = {"epochs": 20, "batch_size": 1024, "learning_rate": 1e-3, "schedule": "cosine"}


def test_a_task_without_an_exception_is_trained_like_all():
    plan = TrainingPlan(**OPTIONS)
    assert plan.of("jets") is plan and plan.of("jets").epochs == 20


def test_an_exception_is_the_tasks_own_options_whole():
    plan = TrainingPlan(**OPTIONS, per_task={"fusion": OPTIONS | {"epochs": 50, "schedule": "constant"}})
    assert (plan.of("fusion").epochs, plan.of("fusion").schedule, plan.of("econ").epochs) == (50, "constant", 20)
